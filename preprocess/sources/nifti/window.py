"""The intensity window of `preprocess.cines.windows` for volumes, whose values may also be fractions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from preprocess.cines.pixels import Bits
from preprocess.cines.windows import from_zero, robust_window, whole_range
from preprocess.errors import PreprocessError
from preprocess.store.intensity import PERCENTILES

__all__ = ["window"]

Values = npt.NDArray[Any]
_Stored = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
_WIDEST: dict[Bits, int] = {8: 1 << 17, 16: (1 << 16) - 1}  # ranges that stay integers, as for DICOM


def window(values: Values, slope: float, intercept: float, bits: Bits) -> tuple[_Stored, tuple[float, float]]:
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
        return _fractions(values.astype(np.float32) * np.float32(slope) + np.float32(intercept), bits)
    frames = [list(cine) for cine in whole]
    rule = robust_window(frames, None, slope < 0) if bits == 8 else whole_range(frames)
    table = rule.table()
    out: Any = np.empty(whole.shape, dtype=rule.kind)
    for index, cine in enumerate(whole):
        np.take(table, from_zero(cine, rule.low), out=out[index], mode="clip")
    first, last = rule.ends
    return out, (slope * first + intercept, slope * last + intercept)


def _whole(values: Values, widest: int) -> Values | None:
    """The values as integers, where they are some of at most 30 bits and span at most `widest`."""
    if not np.isfinite(values).all() or max(abs(float(values.min())), abs(float(values.max()))) > 1 << 30:
        return None
    if values.dtype.kind == "f" and (values != np.rint(values)).any():
        return None
    whole = values if values.dtype.itemsize <= 2 and values.dtype.kind != "f" else values.astype(np.int32)
    return whole if int(whole.max()) - int(whole.min()) <= widest else None


def _fractions(values: npt.NDArray[np.float32], bits: Bits) -> tuple[_Stored, tuple[float, float]]:
    """Map the scanner's values, `[slice, frame, row, col]`, to what is stored; they are made finite in place."""
    is_finite = np.isfinite(values)
    if not is_finite.any():
        raise PreprocessError("volume without a finite value")
    low, high = values.min(where=is_finite, initial=np.inf), values.max(where=is_finite, initial=-np.inf)
    values = np.nan_to_num(values, copy=False, nan=float(low), posinf=float(high), neginf=float(low))
    if bits == 8:
        # The same percentiles as of whole numbers: the smallest value with that share of values at or below it.
        shares = [values.size * percent / 100.0 for percent in PERCENTILES]
        first, last = (max(0, math.ceil(share - 1e-6) - 1) for share in shares)  # 48.000000000000007 is 48
        ordered = np.partition(values, (first, last), axis=None)
        bottom, top = float(ordered[first]), float(ordered[last])
    else:
        bottom, top = float(values.min()), float(values.max())
    top = top if top > bottom else bottom + 1.0
    levels, kind = (255.0, np.uint8) if bits == 8 else (65_535.0, np.uint16)
    out = np.empty(values.shape, dtype=kind)
    for index, cine in enumerate(values):
        out[index] = np.rint(np.clip((cine - bottom) / (top - bottom), 0.0, 1.0) * levels)
    return out, (bottom, top)
