"""Measures of one clip: what its pixels and times are like, without any opinion on what they should be."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from preprocess.inspection.timing import frame_interval_ms, heart_rate

__all__ = ["PixelMeasures", "TimeMeasures", "pixel_measures", "time_measures"]

_SIDE = 128  # measures need no finer grid: larger images are thinned, not blurred, so that noise stays what it is
_BODY = 0.1  # below this brightness a pixel is taken for air
_NOISE_STEP = 3  # every third pixel of the body is enough to measure the noise
_MOVING = 0.99  # the share of pixels below the moving ones

_KEPT_OF_NORMAL = 0.6225  # mean square of the inner 90 % of a standard normal distribution

_Values = npt.NDArray[np.float32]


@dataclass(frozen=True)
class PixelMeasures:
    """Measures of a cine; intensities as a share of the stack's window (0–1).

    Attributes:
        brightness: mean.
        contrast: distance of the 5th and the 95th percentile.
        saturated: share of pixels at the upper end of the window.
        dimmest_frame: mean of the darkest frame over the median of the frames' means.
        brightest_frame: mean of the brightest frame over the same.
        motion: 99th percentile over the pixels of the standard deviation in time.
        jumpiness: von Neumann ratio of the moving pixels: near 0 for smooth motion, near 1 for frames that have
            nothing to do with their neighbours (noise alone, or a wrong order).
        noise: standard deviation of the noise, from second differences in time in the body.
        repeated_frames: frames that equal an earlier frame of the clip, pixel by pixel.
        off_centre: distance of the motion's centre from the image's, as a share of half the shorter side.
    """

    brightness: float
    contrast: float
    saturated: float
    dimmest_frame: float
    brightest_frame: float
    motion: float
    jumpiness: float
    noise: float
    repeated_frames: float
    off_centre: float


@dataclass(frozen=True)
class TimeMeasures:
    """Measures of the trigger times of a cine; NaN where they are unknown.

    Attributes:
        frame_interval_ms: median distance of frames.
        uneven_times: largest deviation of a distance from the median, as a share of it.
        heart_rate_bpm: beats per minute, if the frames cover the cycle.
    """

    frame_interval_ms: float
    uneven_times: float
    heart_rate_bpm: float


def pixel_measures(cine: npt.NDArray[Any], window: tuple[float, float]) -> PixelMeasures:
    """Measure a cine `[frame, row, col]` as stored, without padding."""
    step = max(1, min(cine.shape[1:]) // _SIDE)
    thin = cine[:, ::step, ::step].astype(np.float32)
    scaled: _Values = np.clip((thin - window[0]) / (window[1] - window[0]), 0, 1).astype(np.float32)
    low, high = np.percentile(scaled[::4], [5, 95])
    frame_means = scaled.mean(axis=(1, 2))
    usual = float(np.median(frame_means))
    spread = scaled.std(axis=0)
    motion = float(np.quantile(spread, _MOVING))
    # Mean squared difference of successive frames over twice the variance.
    jumpiness = math.nan
    moving = scaled[:, spread >= motion]
    variance = float(moving.var(axis=0).sum())
    if len(moving) > 1 and not variance < 1e-9:
        jumpiness = float((np.diff(moving, axis=0) ** 2).mean(axis=0).sum()) / (2 * variance)
    # The centre of what moves most.
    off_centre = math.nan
    weights = np.clip(spread - np.quantile(spread, 0.95), 0, None) ** 2
    total = float(weights.sum())
    if total > 0:
        rows, cols = (np.arange(size) - (size - 1) / 2 for size in spread.shape)
        row, col = float(weights.sum(axis=1) @ rows), float(weights.sum(axis=0) @ cols)
        off_centre = math.hypot(row, col) / total / (min(spread.shape) / 2)
    different = {hashlib.blake2b(np.ascontiguousarray(frame).data, digest_size=16).digest() for frame in cine}
    return PixelMeasures(
        brightness=float(scaled.mean()),
        contrast=float(high - low),
        saturated=float((scaled >= 1).mean()),
        dimmest_frame=float(frame_means.min()) / usual if usual else math.nan,
        brightest_frame=float(frame_means.max()) / usual if usual else math.nan,
        motion=motion,
        jumpiness=jumpiness,
        noise=_noise(scaled),
        repeated_frames=float(len(cine) - len(different)),
        off_centre=off_centre,
    )


def time_measures(times: npt.NDArray[Any]) -> TimeMeasures:
    """Measure the trigger times `[frame]` of a cine in ms, without padding."""
    interval = frame_interval_ms(times)
    if math.isnan(interval):
        return TimeMeasures(*[math.nan] * len(fields(TimeMeasures)))
    uneven = float(np.abs(np.diff(times) - interval).max()) / interval
    return TimeMeasures(interval, uneven, heart_rate(times))


def _noise(scaled: _Values) -> float:
    """Robust standard deviation of second differences in time, which still tissue and slow motion hardly enter."""
    body = scaled.mean(axis=0) > _BODY
    if len(scaled) < 3 or not body.any():
        return math.nan
    series = scaled[:, body][:, ::_NOISE_STEP]
    bends = series[:-2] - 2 * series[1:-1] + series[2:]
    # The mean square below the 90th percentile, not a median: of 8-bit values a median takes few values only.
    squares = bends**2
    kept = squares[squares <= np.quantile(squares, 0.9)]
    return math.sqrt(float(kept.mean()) / (6 * _KEPT_OF_NORMAL))
