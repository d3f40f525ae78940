"""What other exports do to the pixels of a cine: the same scan once more, as another hospital's tools would show it."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

__all__ = ["CHANGES", "Clip"]


class Clip(NamedTuple):
    """Pixels `[frame, row, col]` and the distance of rows and of columns in mm."""

    cine: npt.NDArray[Any]
    spacing: tuple[float, float]


Change = Callable[[Clip, np.random.Generator], Clip]


def _unit(clip: Clip) -> npt.NDArray[np.float64]:
    low, high = float(clip.cine.min()), float(clip.cine.max())
    return (clip.cine.astype(np.float64) - low) / max(high - low, 1)


def _bytes(values: npt.NDArray[np.float64], spacing: tuple[float, float]) -> Clip:
    return Clip((np.clip(values, 0, 1) * 255).round().astype(np.uint8), spacing)


def window(clip: Clip, rng: np.random.Generator) -> Clip:
    """A narrower window: up to a third of the range becomes white, up to 4 % black."""
    low, high = rng.uniform(0, 0.04), rng.uniform(0.67, 1)
    return _bytes((_unit(clip) - low) / (high - low), clip.spacing)


def gamma(clip: Clip, rng: np.random.Generator) -> Clip:
    """Another gamma, 0.7 to 1.4."""
    return _bytes(_unit(clip) ** rng.uniform(0.7, 1.4), clip.spacing)


def bits16(clip: Clip, rng: np.random.Generator) -> Clip:
    """Scanner values with another slope and intercept."""
    values = clip.cine * rng.uniform(1, 12) + rng.uniform(0, 30)
    return Clip(values.round().astype(np.uint16), clip.spacing)


def resample(clip: Clip, rng: np.random.Generator) -> Clip:
    """Another pixel size, 0.7 to 1.6 times as many."""
    factor = rng.uniform(0.7, 1.6)
    zoomed = ndimage.zoom(_unit(clip), (1, factor, factor), order=1)
    before, after = clip.cine.shape[1:], zoomed.shape[1:]
    rows, cols = (one * a / b for one, a, b in zip(clip.spacing, before, after, strict=True))
    return _bytes(zoomed, (rows, cols))


def crop(clip: Clip, rng: np.random.Generator) -> Clip:
    """Up to 12 % off at each side."""
    rows, cols = clip.cine.shape[1:]
    top, bottom = rng.integers(0, max(1, round(0.12 * rows)), 2)
    left, right = rng.integers(0, max(1, round(0.12 * cols)), 2)
    return Clip(clip.cine[:, top : rows - bottom, left : cols - right], clip.spacing)


def pad(clip: Clip, rng: np.random.Generator) -> Clip:
    """A black border of up to 60 pixels at each side."""
    top, bottom, left, right = rng.integers(0, 60, 4)
    return Clip(np.pad(clip.cine, ((0, 0), (top, bottom), (left, right))), clip.spacing)


def frames(clip: Clip, rng: np.random.Generator) -> Clip:
    """Another number of frames, 12 to 39, and another phase at the start."""
    count = int(rng.integers(12, 40))
    n_frames = len(clip.cine)
    at = (np.arange(count) * n_frames / count + rng.uniform(0, n_frames)) % n_frames
    before = np.floor(at).astype(int) % n_frames
    part = (at - np.floor(at))[:, None, None]
    values = _unit(clip)
    return _bytes(values[before] * (1 - part) + values[(before + 1) % n_frames] * part, clip.spacing)


def jpeg(clip: Clip, rng: np.random.Generator) -> Clip:
    """JPEG of quality 30 to 69 and back."""
    quality = int(rng.integers(30, 70))
    return Clip(np.stack([_through_jpeg(frame, quality) for frame in _bytes(_unit(clip), clip.spacing).cine]), clip[1])


def _through_jpeg(frame: npt.NDArray[np.uint8], quality: int) -> npt.NDArray[np.uint8]:
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def noise(clip: Clip, rng: np.random.Generator) -> Clip:
    """Noise of 3 % of the range."""
    return _bytes(_unit(clip) + rng.normal(0, 0.03, clip.cine.shape), clip.spacing)


def turned(clip: Clip, rng: np.random.Generator) -> Clip:
    """One of the seven other ways to show the picture; `rng` must be the same for all clips of a study."""
    way = int(rng.integers(1, 8))
    cine = clip.cine[:, :: -1 if way & 2 else 1, :: -1 if way & 1 else 1]
    return Clip(cine.swapaxes(1, 2), clip.spacing[::-1]) if way & 4 else Clip(cine, clip.spacing)


def everything(clip: Clip, rng: np.random.Generator) -> Clip:
    """All at once, but for noise and 16 bits."""
    for change in (frames, gamma, resample, crop, window, jpeg):
        clip = change(clip, rng)
    return clip


CHANGES: Mapping[str, Change] = {
    "window": window,
    "gamma": gamma,
    "16 bits": bits16,
    "resample": resample,
    "crop": crop,
    "pad": pad,
    "frames": frames,
    "JPEG": jpeg,
    "noise": noise,
    "turned": turned,
    "everything": everything,
}
