"""Which stored numbers are black and white, so that stores of 8 and of 16 bits look the same."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from preprocess.store.study import CineStack

__all__ = ["PERCENTILES", "percentile_window", "shown_window", "stack_window"]

PERCENTILES = (0.1, 99.9)  # of all pixels of a stack: become 0 and 255


def shown_window(data: h5py.Dataset) -> tuple[float, float]:
    """The stored numbers of a view that are black and white, so that 8 and 16 bits look the same.

    Args:
        data: the view's data set.
    """
    stated = data.attrs.get("percentile_window")  # stores of before version 0.3 lack it
    return _black_and_white(data, data.attrs["n_frames"], data.attrs["intensity_window"], stated)


def stack_window(stack: CineStack) -> tuple[float, float]:
    """The same of a stack that was read with its pixels."""
    return _black_and_white(stack.pixels, stack.n_frames, stack.intensity_window, None)


def _black_and_white(pixels: Any, n_frames: Any, window: Any, stated: Any) -> tuple[float, float]:
    if pixels.dtype == np.uint8:
        return 0.0, 255.0
    low, high = percentile_window(pixels, n_frames) if stated is None else stated
    first, last = window
    return (float(high), float(low)) if first > last else (float(low), float(high))


def percentile_window(pixels: Any, n_frames: npt.NDArray[Any]) -> tuple[int, int]:
    """The stored numbers between which `PERCENTILES` of a 16-bit stack lie; one slice in memory at a time."""
    counts = sum(np.bincount(one[:n].ravel(), minlength=1 << 16) for one, n in zip(pixels, n_frames, strict=True))
    share = np.cumsum(counts) / np.sum(counts) * 100.0
    low, high = (int(np.searchsorted(share, percent)) for percent in PERCENTILES)
    return low, max(high, low + 1)
