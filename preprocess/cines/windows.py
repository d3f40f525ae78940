"""From the scanner's integers to the numbers of the store: one robust window for a whole stack, or its whole range."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from preprocess.errors import PreprocessError
from preprocess.store.intensity import PERCENTILES

__all__ = ["Pixels", "Window", "from_zero", "robust_window", "whole_range"]

Pixels = npt.NDArray[Any]  # [row, col], integers


@dataclass(frozen=True)
class Window:
    """How integers become stored numbers.

    Attributes:
        low: smallest integer.
        high: largest integer.
        ends: what becomes 0 and the largest storable value.
        kind: type of the stored numbers.
        padding: integer that becomes 0, where there is one.
    """

    low: int
    high: int
    ends: tuple[int, int]
    kind: type[np.uint8] | type[np.uint16]
    padding: int | None = None

    def map(self, values: npt.NDArray[Any]) -> Pixels:
        """Numbers to what is stored, `[...]`."""
        first, last = self.ends
        largest = np.iinfo(self.kind).max
        return np.rint(np.clip((values - first) / (last - first), 0.0, 1.0) * largest).astype(self.kind)

    def table(self) -> Pixels:
        """What is stored for `low` to `high`, `[high − low + 1]`."""
        table = self.map(np.arange(self.low, self.high + 1, dtype=np.float64))
        if self.padding is not None and self.low <= self.padding <= self.high:
            table[self.padding - self.low] = 0
        return table


def _bounds(frames: list[list[Pixels]]) -> tuple[int, int]:
    low = min(int(array.min()) for array in chain(*frames))
    high = max(int(array.max()) for array in chain(*frames))
    if high - low > 1 << 17:
        raise PreprocessError("pixel values span more than 17 bits")
    return (0 if low >= 0 and high < 1 << 16 else low), high


def from_zero(array: Pixels, low: int) -> Pixels:
    """Integers counted from `low`, as indices of a table, `[...]`."""
    return array if low == 0 else array.astype(np.int32) - low


def robust_window(frames: list[list[Pixels]], padding: int | None, is_turned: bool) -> Window:
    """8 bits: the values between two percentiles of all pixels but padding.

    Args:
        frames: integers `[row, col]` by slice and frame.
        padding: integer that stands for pixels outside of the image.
        is_turned: large integers are dark.

    Raises:
        PreprocessError: the integers span more than 17 bits.
    """
    low, high = _bounds(frames)
    counts = np.zeros(high - low + 1, dtype=np.int64)
    for array in chain(*frames):
        counts += np.bincount(from_zero(array, low).ravel(), minlength=len(counts))
    if padding is not None and low <= padding <= high and counts[padding - low] < counts.sum():
        counts[padding - low] = 0
    share = np.cumsum(counts) / counts.sum() * 100.0
    bottom, top = (low + int(np.searchsorted(share, percent)) for percent in PERCENTILES)
    top = max(top, bottom + 1)
    return Window(low, high, (top, bottom) if is_turned else (bottom, top), np.uint8, padding)


def whole_range(frames: list[list[Pixels]]) -> Window:
    """16 bits: the stored values, but for an offset where they are negative.

    Args:
        frames: integers `[row, col]` by slice and frame.

    Raises:
        PreprocessError: they span more than 16 bits.
    """
    low, high = _bounds(frames)
    offset = low if low < 0 or high > 65_535 else 0
    if high - offset > 65_535:
        raise PreprocessError("pixel values span more than 16 bits")
    return Window(low, high, (offset, offset + 65_535), np.uint16)
