"""Which stored numbers are black and white, so that stores of 8 and of 16 bits look the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import h5py
import numpy as np
import numpy.typing as npt

from preprocess.store.hdf5 import reading_hdf5
from preprocess.store.schema import INTENSITY_WINDOW, N_FRAMES, PERCENTILE_WINDOW, attribute_value
from preprocess.store.study import CineStack

__all__ = ["PERCENTILES", "grey8", "percentile_window", "shown_window", "stack_window"]

Window: TypeAlias = tuple[float, float]  # the stored numbers that are black and white

PERCENTILES = (0.1, 99.9)  # of all pixels of a stack: become 0 and 255


def shown_window(data: h5py.Dataset) -> Window:
    """The stored numbers of a view that are black and white, so that 8 and 16 bits look the same.

    Args:
        data: the view's data set, `[slice, frame, row, col]`.

    Raises:
        DamagedFileError: it lacks what it needs for this.
    """
    if data.dtype == np.uint8:
        return 0.0, 255.0
    ends = attribute_value(data, INTENSITY_WINDOW)
    stated = attribute_value(data, PERCENTILE_WINDOW)
    if stated is None:  # stores of before version 0.3 lack it
        stated = percentile_window(_slices(data), attribute_value(data, N_FRAMES))
    return _turned(stated, ends)


def _slices(data: h5py.Dataset) -> Iterator[npt.NDArray[Any]]:
    for index in range(data.shape[0]):
        with reading_hdf5("pixels"):
            cine = data[index]
        yield cine


def stack_window(stack: CineStack) -> Window:
    """The same of a stack that was read with its pixels."""
    if stack.pixels.dtype == np.uint8:
        return 0.0, 255.0
    return _turned(percentile_window(stack.pixels, stack.n_frames), stack.intensity_window)


def _turned(window: Sequence[float], ends: Sequence[float]) -> Window:
    """Black is the higher number where the scanner's grey was inverted."""
    low, high = window
    return (float(high), float(low)) if ends[0] > ends[1] else (float(low), float(high))


def grey8(pixels: npt.NDArray[Any], window: Window) -> npt.NDArray[np.uint8]:
    """What an 8-bit store would hold, `[...]`: uint8 as it is, 16 bits through the window of their stack.

    Args:
        pixels: uint8 or uint16, `[...]`.
        window: stored numbers that are black and white.
    """
    if pixels.dtype == np.uint8:
        return np.ascontiguousarray(pixels)
    low, high = window
    share = ((pixels.astype(np.float64) - low) / (high - low)).clip(0.0, 1.0)
    return np.rint(share * 255.0).astype(np.uint8)


def percentile_window(slices: Iterable[npt.NDArray[Any]], n_frames: npt.NDArray[Any]) -> tuple[int, int]:
    """The stored numbers between which `PERCENTILES` of a 16-bit stack lie.

    Args:
        slices: each `[frame, row, col]`; one at a time is in memory.
        n_frames: `[slice]`, true number of frames of each.
    """
    counts = sum(np.bincount(cine[:n].ravel(), minlength=1 << 16) for cine, n in zip(slices, n_frames, strict=True))
    share = np.cumsum(counts) / np.sum(counts) * 100.0
    low, high = (int(np.searchsorted(share, percent)) for percent in PERCENTILES)
    return low, max(high, low + 1)
