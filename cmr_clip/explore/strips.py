"""Moving thumbnails: a clip as one grey JPEG strip, its frames side by side, small enough for a page of many."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from preprocess.store.manifest import ClipColumn
from preprocess.store.study_file import open_study, read_clip

__all__ = ["Strip", "by_importance", "cine_strip", "spacing_of", "strips_of"]

_FIELD_MM = 180.0  # an adult heart in every view, and one scale for all: a dilated heart looks dilated
_USUAL_MM = 1.4  # pixel distance where the manifest doesn't tell
_QUALITIES = (80, 68, 55, 42, 30, 20)


@dataclass(frozen=True)
class Strip:
    """Frames of `size` × `size` pixels side by side, from left to right, over one cardiac cycle."""

    jpeg: bytes
    frames: int
    size: int


def cine_strip(
    cine: npt.NDArray[Any],
    spacing: tuple[float, float] = (_USUAL_MM, _USUAL_MM),
    *,
    frames: int = 12,
    size: int = 64,
    max_bytes: int = 7400,
) -> Strip:
    """A strip of the square of 180 mm around what moves.

    Args:
        cine: `[frame, row, col]`.
        spacing: distance of rows and of columns, mm.
        frames: at most so many, evenly spaced over the cycle.
        size: edge of a frame in pixels.
        max_bytes: the JPEG quality is lowered until it fits.
    """
    from PIL import Image

    n_frames = min(frames, len(cine))
    chosen = cine[np.arange(n_frames) * len(cine) // n_frames].astype(np.float32)
    square = _grey(_square(chosen, spacing))
    small = [Image.fromarray(frame).resize((size, size), Image.Resampling.LANCZOS) for frame in square]
    strip = Image.fromarray(np.concatenate([np.asarray(frame) for frame in small], axis=1))
    jpeg = b""
    for quality in _QUALITIES:
        buffer = io.BytesIO()
        strip.save(buffer, "JPEG", quality=quality, optimize=True)
        jpeg = buffer.getvalue()
        if len(jpeg) <= max_bytes:
            break
    return Strip(jpeg, n_frames, size)


def _grey(cine: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    inside = cine[np.isfinite(cine)]
    low, high = np.percentile(inside, [1, 99.7]) if inside.size else (0, 1)
    scaled = (np.nan_to_num(cine, nan=float(low)) - low) / max(float(high - low), 1e-6)
    return (np.clip(scaled, 0, 1) * 255).astype(np.uint8)


def _square(cine: npt.NDArray[np.float32], spacing: tuple[float, float]) -> npt.NDArray[np.float32]:
    extent = max(cine.shape[1] * spacing[0], cine.shape[2] * spacing[1])
    field = min(_FIELD_MM, extent)
    sides = [max(1, round(field / spacing[axis])) for axis in (0, 1)]
    centre = _moving_centre(cine)
    for axis, (side, middle) in enumerate(zip(sides, centre, strict=True), start=1):
        cine = _window(cine, axis, side, middle)
    return cine


def _window(cine: npt.NDArray[np.float32], axis: int, side: int, middle: float) -> npt.NDArray[np.float32]:
    length = cine.shape[axis]
    if side >= length:  # pad, NaN marking what was never measured
        before = (side - length) // 2
        widths = [(0, 0)] * 3
        widths[axis] = (before, side - length - before)
        return np.pad(cine, widths, constant_values=np.nan)
    start = int(np.clip(round(middle - side / 2), 0, length - side))
    return np.take(cine, np.arange(start, start + side), axis=axis)


def _moving_centre(cine: npt.NDArray[np.float32]) -> tuple[float, float]:
    """Middle of the largest connected region among the tenth of the pixels that move most; else of the image."""
    from scipy import ndimage

    motion = ndimage.uniform_filter(cine.std(axis=0), 7)
    if np.percentile(motion, 99) <= 2 * np.median(motion) and motion.max() <= 4 * np.median(motion):  # only noise
        return (cine.shape[1] - 1) / 2, (cine.shape[2] - 1) / 2
    regions, n_regions = ndimage.label(motion > max(np.percentile(motion, 90), 0.1 * motion.max()))
    sums = ndimage.sum(motion, regions, np.arange(1, n_regions + 1))
    rows, cols = np.nonzero(regions == int(np.argmax(sums)) + 1)
    middles = [float(np.percentile(axis, [1, 99]).mean()) for axis in (rows, cols)]
    return middles[0], middles[1]


def by_importance(clips: pd.DataFrame) -> list[int]:
    """Rows in the order in which they deserve a thumbnail: placed studies, then the middle slice of each view."""
    groups = clips.groupby(["study_row", "view"])["slice"]
    off_centre = (clips["slice"] - groups.transform("median")).abs().rename("off")
    rank = off_centre.groupby([clips["study_row"], clips["view"]]).rank(method="first")
    order = np.lexsort((np.arange(len(clips)), rank.to_numpy(), ~clips["placed"].to_numpy(bool)))
    return [int(row) for row in order]


def strips_of(clips: pd.DataFrame, max_bytes: int, size: int = 64) -> Iterator[tuple[int, Strip]]:
    """Strips of the clips (row, strip), the most important first, until `max_bytes` are spent in all."""
    spent = 0
    for row in by_importance(clips):
        clip = clips.iloc[row]
        spacing = spacing_of(clip)
        with open_study(Path(clip["store"]), clip["patient"], clip["study"]) as file:
            cine = read_clip(file, clip["view"], int(clip["slice"]))
        strip = cine_strip(cine, spacing, size=size)
        spent += len(strip.jpeg) * 4 // 3
        if spent > max_bytes:
            return
        yield row, strip


def spacing_of(clip: pd.Series[Any]) -> tuple[float, float]:
    """Distance of rows and of columns of a clip, mm, from its line of the manifest."""
    row, col = (float(clip.get(name, np.nan)) for name in (ClipColumn.ROW_SPACING, ClipColumn.COL_SPACING))
    return (row, col) if row > 0 and col > 0 else (_USUAL_MM, _USUAL_MM)
