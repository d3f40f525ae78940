"""The robust intensity window of `preprocess.pixels` for volumes, whose values may also be fractions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from preprocess.errors import PreprocessError
from preprocess.pixels import PERCENTILES, Bits

__all__ = ["Pixels", "window"]

Values = npt.NDArray[Any]
Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
_WIDEST: dict[Bits, int] = {8: 1 << 17, 16: (1 << 16) - 1}  # ranges that stay integers, as for DICOM


def window(values: Values, slope: float, intercept: float, bits: Bits) -> tuple[Pixels, tuple[float, float]]:
    """Map a stack to what is stored.

    Integers get what DICOM gets: 8 bits are the values between `PERCENTILES`, 16 bits the stored values. Fractions get
    the same window at 8 bits and their whole range at 16. Of values that are no finite numbers +∞ becomes the largest
    and everything else the smallest finite one.

    Args:
        values: stored numbers `[slice, frame, row, col]`.
        slope: `slope · stored + intercept` is the scanner's value.
        intercept: see `slope`.
        bits: 8 or 16.

    Returns:
        The pixels, and the scanner's values that became 0 and the largest storable value.

    Raises:
        PreprocessError: no finite value.
    """
    whole = _whole(values, _WIDEST[bits])
    if whole is None:
        return _fractions(_finite(values.astype(np.float32) * np.float32(slope) + np.float32(intercept)), bits)
    low, high = int(whole.min()), int(whole.max())
    grey = np.arange(low, high + 1, dtype=np.float64)
    if bits == 16:
        offset = low if low < 0 or high > 65_535 else 0
        return _looked_up(whole, low, (grey - offset).astype(np.uint16)), _scaled(
            offset, offset + 65_535, slope, intercept
        )
    bottom, top = _percentiles(whole, low, high)
    table = np.rint(np.clip((grey - bottom) / (top - bottom), 0.0, 1.0) * 255.0)
    if slope < 0:
        table, bottom, top = 255.0 - table, top, bottom
    return _looked_up(whole, low, table.astype(np.uint8)), _scaled(bottom, top, slope, intercept)


def _scaled(low: float, high: float, slope: float, intercept: float) -> tuple[float, float]:
    return slope * low + intercept, slope * high + intercept


def _whole(values: Values, widest: int) -> Values | None:
    """The values as integers, where they are some and span at most `widest`."""
    if values.dtype.kind == "f":
        if not np.isfinite(values).all() or np.abs(values).max() > 1 << 30 or (values != np.rint(values)).any():
            return None
        values = values.astype(np.int32)
    return values if int(values.max()) - int(values.min()) <= widest else None


def _percentiles(whole: Values, low: int, high: int) -> tuple[int, int]:
    counts = np.zeros(high - low + 1, dtype=np.int64)
    for one in whole:
        counts += np.bincount((one.astype(np.int64) - low).ravel(), minlength=len(counts))
    share = np.cumsum(counts) / counts.sum() * 100.0
    bottom, top = (low + int(np.searchsorted(share, percent)) for percent in PERCENTILES)
    return bottom, max(top, bottom + 1)


def _looked_up(whole: Values, low: int, table: Values) -> Pixels:
    out = np.empty(whole.shape, dtype=table.dtype)
    for index, one in enumerate(whole):
        np.take(table, one.astype(np.int64) - low, out=out[index], mode="clip")
    return out


def _finite(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    is_finite = np.isfinite(values)
    if not is_finite.any():
        raise PreprocessError("volume without a finite value")
    low, high = values.min(where=is_finite, initial=np.inf), values.max(where=is_finite, initial=-np.inf)
    return np.nan_to_num(values, copy=False, nan=float(low), posinf=float(high), neginf=float(low))


def _fractions(values: npt.NDArray[np.float32], bits: Bits) -> tuple[Pixels, tuple[float, float]]:
    levels, kind = (255.0, np.uint8) if bits == 8 else (65_535.0, np.uint16)
    bottom, top = _ranked(values) if bits == 8 else (float(values.min()), float(values.max()))
    top = top if top > bottom else bottom + 1.0
    out = np.empty(values.shape, dtype=kind)
    for index, one in enumerate(values):
        out[index] = np.rint(np.clip((one - bottom) / (top - bottom), 0.0, 1.0) * levels)
    return out, (bottom, top)


def _ranked(values: npt.NDArray[np.float32]) -> tuple[float, float]:
    """The same percentiles as of whole numbers: the smallest value with that share of values at or below it."""
    shares = [values.size * percent / 100.0 for percent in PERCENTILES]
    low, high = (max(0, math.ceil(share - 1e-6) - 1) for share in shares)  # 48.000000000000007 is 48
    ordered = np.partition(values, (low, high), axis=None)
    return float(ordered[low]), float(ordered[high])
