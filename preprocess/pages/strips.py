"""Moving thumbnails: a clip as one grey JPEG strip, its frames side by side, small enough for a page of many."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from preprocess.pages.markup import Markup, data_url, element

__all__ = ["USUAL_MM", "Strip", "beating_hearts", "cine_strip"]

_FIELD_MM = 180.0  # an adult heart in every view, and one scale for all: a dilated heart looks dilated
USUAL_MM = 1.4  # pixel distance where the source doesn't tell
_QUALITIES = (80, 68, 55, 42, 30, 20)


@dataclass(frozen=True)
class Strip:
    """Frames of `size` × `size` pixels side by side, from left to right, over one cardiac cycle."""

    jpeg: bytes
    frames: int
    size: int


def cine_strip(
    cine: npt.NDArray[Any],
    spacing: tuple[float, float] = (USUAL_MM, USUAL_MM),
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
    n_frames = min(frames, len(cine))
    chosen = cine[np.arange(n_frames) * len(cine) // n_frames].astype(np.float32)
    square = _square(chosen, spacing)
    inside = square[np.isfinite(square)]
    low, high = np.percentile(inside, [1, 99.7]) if inside.size else (0, 1)
    scaled = (np.nan_to_num(square, nan=float(low)) - low) / max(float(high - low), 1e-6)
    grey = (np.clip(scaled, 0, 1) * 255).astype(np.uint8)
    small = [Image.fromarray(frame).resize((size, size), Image.Resampling.LANCZOS) for frame in grey]
    strip = Image.fromarray(np.concatenate([np.asarray(frame) for frame in small], axis=1))
    jpeg = b""
    for quality in _QUALITIES:
        buffer = io.BytesIO()
        strip.save(buffer, "JPEG", quality=quality, optimize=True)
        jpeg = buffer.getvalue()
        if len(jpeg) <= max_bytes:
            break
    return Strip(jpeg, n_frames, size)


def _square(cine: npt.NDArray[np.float32], spacing: tuple[float, float]) -> npt.NDArray[np.float32]:
    """The square `[frame, row, col]` around what moves, cut out or padded with NaN: what was never measured."""
    extent = max(cine.shape[1] * spacing[0], cine.shape[2] * spacing[1])
    field = min(_FIELD_MM, extent)
    for axis, middle in enumerate(_moving_centre(cine), start=1):
        length, side = cine.shape[axis], max(1, round(field / spacing[axis - 1]))
        if side >= length:
            before = (side - length) // 2
            widths = [(0, 0)] * 3
            widths[axis] = (before, side - length - before)
            cine = np.pad(cine, widths, constant_values=np.nan)
        else:
            start = int(np.clip(round(middle - side / 2), 0, length - side))
            cine = np.take(cine, np.arange(start, start + side), axis=axis)
    return cine


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


def beating_hearts(strips: Iterable[tuple[str, Strip]]) -> tuple[str, Markup]:
    """Hearts in a row that beat by style rules alone: a strip as background, moved in steps.

    Args:
        strips: captions and what beats above them.

    Returns:
        The rules to add to the page's style sheet, and the hearts.
    """
    rules, hearts = [], []
    for number, (caption, strip) in enumerate(strips):
        picture, steps = data_url(strip.jpeg, "image/jpeg"), f"steps({strip.frames},jump-none)"
        size = f"background-size:{strip.frames * 100}% 100%"
        rules.append(f".h{number}{{background-image:url({picture});{size};animation-timing-function:{steps}}}\n")
        heart = element("div", class_=f"heart h{number}", role="img", aria_label="A beating heart")
        hearts.append(element("figure", heart, element("figcaption", caption)))
    return "".join(rules), element("div", *hearts, class_="hearts") if hearts else Markup()
