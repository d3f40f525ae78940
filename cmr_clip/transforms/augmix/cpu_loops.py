"""The passes over the pixels that a CPU needs for cropping and for AugMix, as loops that numba compiles.

Why they exist: with torch alone every operation reads and writes all 16 × 224 × 224 pixels several times, and its
bilinear sampling gathers single numbers; these loops need a third of the time. Here the frames of a clip lie last in
memory, so that positions and weights are computed once per pixel for all frames, and every kernel can add its
result, times a weight, to what is there. They run without the interpreter's lock and start no threads, so that they are
safe in forked processes. The first call of a kernel compiles it, once per machine: the result is kept on disk.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import ParamSpec, TypeVar

import numpy as np
import numpy.typing as npt

__all__ = [
    "FloatPixels",
    "Levels",
    "Matrix",
    "compiled",
    "count",
    "frames_first",
    "frames_last",
    "look_up",
    "sample",
    "sharpen",
    "shift",
    "start",
    "to_levels",
]

FloatPixels = npt.NDArray[np.float32]
Levels = npt.NDArray[np.uint8]
Matrix = npt.NDArray[np.float64]
_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")
_ZERO, _HALF, _ONE, _HIGHEST = np.float32(0), np.float32(0.5), np.float32(1), np.float32(255)
_CENTRE, _BOX = np.float32(4 / 13), np.float32(1 / 13)  # the smoothing kernel is ones around a 5, over 13
# Pixels are numbers, and a multiply-add may round once: without this, minima and maxima are not vector instructions.
_ARITHMETIC = {"nnan", "ninf", "nsz", "contract"}


@cache
def compiled(kernel: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """A kernel of this file as machine code; compiled at its first call, or read from the disk."""
    import numba  # takes half a second, which GPUs and the rest of the package need not spend

    def compile_with(*, keep: bool) -> Callable[_Arguments, _Result]:
        fast: Callable[_Arguments, _Result]
        fast = numba.njit(cache=keep, nogil=True, error_model="numpy", fastmath=_ARITHMETIC)(kernel)
        return fast

    try:
        return compile_with(keep=True)
    except RuntimeError:  # no folder that can be written to
        return compile_with(keep=False)


def sample(source: FloatPixels, matrix: Matrix, fill: float, weight: float, add: bool, target: FloatPixels) -> None:
    """Sample every frame bilinearly at the same positions.

    The first of two neighbours is moved inwards at the edge, and a neighbour at a distance of 1 or more has no weight;
    what the neighbours inside lack in weight is the outside. Positions and weights of a row come first, in a loop of
    their own, which the compiler turns into vector instructions.

    Args:
        source: `[H, W, T]`.
        matrix: `[2, 3]`, from (row, column, 1) of a target pixel to (row, column) in the source, in pixels.
        fill: value outside the source.
        weight: factor of the result.
        add: add to the target instead of replacing it.
        target: `[h, w, T]`, another array than the source.
    """
    rows, columns, frames = source.shape
    height, width = target.shape[:2]
    size = width * frames
    line, results = np.empty(size, np.float32), target.reshape(height, size)
    buffer = line.reshape(width, frames)
    tops, lefts = np.empty(width, np.int64), np.empty(width, np.int64)
    weights, outside = np.empty((4, width), np.float32), np.empty(width, np.float32)
    down, aside = min(rows - 1, 1), min(columns - 1, 1)
    scale, beyond = np.float32(weight), np.float32(weight * fill)
    for r in range(height):
        for c in range(width):
            y = matrix[0, 0] * r + matrix[0, 1] * c + matrix[0, 2]
            x = matrix[1, 0] * r + matrix[1, 1] * c + matrix[1, 2]
            top = min(max(math.floor(y), 0.0), max(rows - 2.0, 0.0))
            left = min(max(math.floor(x), 0.0), max(columns - 2.0, 0.0))
            dy, dx = np.float32(y - top), np.float32(x - left)
            above, below = max(_ZERO, _ONE - abs(dy)), max(_ZERO, _ONE - abs(dy - _ONE)) * np.float32(down)
            before, after = max(_ZERO, _ONE - abs(dx)), max(_ZERO, _ONE - abs(dx - _ONE)) * np.float32(aside)
            outside[c] = (_ONE - (above + below) * (before + after)) * beyond
            weights[0, c], weights[1, c] = above * before * scale, above * after * scale
            weights[2, c], weights[3, c] = below * before * scale, below * after * scale
            tops[c], lefts[c] = int(top), int(left)
        for c in range(width):
            n, w, s, e = tops[c], lefts[c], tops[c] + down, lefts[c] + aside
            nw, ne, sw, se, rest = weights[0, c], weights[1, c], weights[2, c], weights[3, c], outside[c]
            for t in range(frames):
                buffer[c, t] = (nw * source[n, w, t] + ne * source[n, e, t]) + (
                    sw * source[s, w, t] + se * source[s, e, t] + rest
                )
        for i in range(size):
            results[r, i] = results[r, i] + line[i] if add else line[i]


def shift(source: FloatPixels, matrix: Matrix, fill: float, weight: float, add: bool, target: FloatPixels) -> None:
    """`sample` where a row of the target is one moved row of the source: translations and shears along rows.

    All pixels of a row have the same four weights, so that each neighbour is one long sum.

    Args:
        source: `[H, W, T]`.
        matrix: as of `sample`, with (0, 1) as its second column.
        fill: value outside the source.
        weight: factor of the result.
        add: add to the target instead of replacing it.
        target: `[h, w, T]`, another array than the source.
    """
    rows, columns, frames = source.shape
    height, width = target.shape[:2]
    pixels, results = source.reshape(rows, columns * frames), target.reshape(height, width * frames)
    line, outside = np.empty(width * frames, np.float32), np.float32(fill)
    for r in range(height):
        y, x = matrix[0, 0] * r + matrix[0, 2], matrix[1, 0] * r + matrix[1, 2]
        top, left = math.floor(y), math.floor(x)
        for i in range(line.size):
            line[i] = outside
        for corner in range(4):
            row, column = top + corner // 2, left + corner % 2
            share = np.float32((1 - abs(y - row)) * (1 - abs(x - column)))
            first, last = max(-column, 0), min(columns - column, width)
            if 0 <= row < rows and first < last:
                moved = pixels[row, (first + column) * frames : (last + column) * frames]
                onto = line[first * frames : last * frames]
                for i in range(moved.size):
                    onto[i] += share * (moved[i] - outside)
        scale = np.float32(weight)
        for i in range(line.size):
            results[r, i] = results[r, i] + scale * line[i] if add else scale * line[i]


def to_levels(source: FloatPixels, target: Levels) -> None:
    """Nearest of the 256 levels of intensities `[N]` in [0, 1]."""
    for i in range(source.size):
        target[i] = np.uint8(min(max(source[i] * _HIGHEST + _HALF, _ZERO), _HIGHEST))


def count(levels: Levels) -> npt.NDArray[np.int64]:
    """How often each of the 256 levels occurs in levels `[N]`: `[256]`.

    Neighbours are counted in different rows: equal ones would wait for each other.
    """
    counts = np.zeros((4, 256), np.int64)
    for i in range(levels.size):
        counts[i & 3, levels[i]] += 1
    for level in range(256):
        counts[0, level] += counts[1, level] + counts[2, level] + counts[3, level]
    total: npt.NDArray[np.int64] = counts[0]
    return total


def start(source: FloatPixels, levels: Levels, share: float, table: FloatPixels, target: FloatPixels) -> None:
    """`share · source + table[level]` for pixels `[N]` and their levels `[N]`, with a table `[256]`."""
    part = np.float32(share)
    for i in range(source.size):
        target[i] = part * source[i] + table[levels[i]]


def look_up(levels: Levels, table: FloatPixels, add: bool, target: FloatPixels) -> None:
    """`table[level]` for levels `[N]` and a table `[256]`, added to the target `[N]` or instead of it."""
    if add:
        for i in range(levels.size):
            target[i] += table[levels[i]]
    else:
        for i in range(levels.size):
            target[i] = table[levels[i]]


def sharpen(source: FloatPixels, factor: float, weight: float, add: bool, target: FloatPixels) -> None:
    """Blend `factor · frame + (1 − factor) · smoothed`, limited to [0, 1]; border pixels stay.

    Args:
        source: `[H, W, T]`.
        factor: 0 is the smoothed clip, 1 the clip itself.
        weight: factor of the result.
        add: add to the target instead of replacing it.
        target: `[H, W, T]`, another array than the source.
    """
    rows, columns, frames = source.shape
    size = columns * frames
    pixels, results = source.reshape(rows, size), target.reshape(rows, size)
    centre, box = np.float32(factor + (1 - factor) * _CENTRE), np.float32((1 - factor) * _BOX)
    share = np.float32(weight)
    summed, line = np.empty(size, np.float32), np.empty(size, np.float32)
    before, here, after = summed[: size - 2 * frames], summed[frames : size - frames], summed[2 * frames :]
    for r in range(rows):
        for i in range(size):
            line[i] = pixels[r, i]
        if 0 < r < rows - 1:
            for i in range(size):
                summed[i] = pixels[r - 1, i] + pixels[r, i] + pixels[r + 1, i]
            inner = line[frames : size - frames]
            for i in range(inner.size):
                blended = centre * inner[i] + box * (before[i] + here[i] + after[i])
                inner[i] = min(max(blended, _ZERO), _ONE)
        if add:
            for i in range(size):
                results[r, i] += share * line[i]
        else:
            for i in range(size):
                results[r, i] = share * line[i]


def frames_first(source: FloatPixels, target: FloatPixels) -> None:
    """Limit to [0, 1] and rearrange `[H, W, T]` to `[T, H, W]`."""
    rows, columns, frames = source.shape
    for r in range(rows):
        for t in range(frames):
            for c in range(columns):
                target[t, r, c] = min(max(source[r, c, t], _ZERO), _ONE)


def frames_last(source: Levels, target: FloatPixels) -> None:
    """Rearrange `[T, H, W]` to `[H, W, T]`, as numbers from 0 to 255."""
    frames, rows, columns = source.shape
    for r in range(rows):
        for t in range(frames):
            for c in range(columns):
                target[r, c, t] = source[t, r, c]
