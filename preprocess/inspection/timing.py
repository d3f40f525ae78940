"""What trigger times say of a cine: how long the heart's cycle took."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["cycle_ms", "frame_interval_ms", "heart_rate"]


def frame_interval_ms(times: npt.NDArray[Any]) -> float:
    """Median distance of successive trigger times in ms; NaN where they are unknown or do not rise.

    Args:
        times: `[frame]` in ms, without padding.
    """
    if len(times) < 2 or not np.isfinite(times).all():
        return math.nan
    steps = np.diff(times)
    return float(np.median(steps)) if (steps > 0).all() else math.nan


def cycle_ms(times: npt.NDArray[Any]) -> float:
    """Duration of the cycle that the frames cover, in ms: as many intervals as frames, of which one is not seen.

    Args:
        times: `[frame]` in ms, without padding.
    """
    if math.isnan(frame_interval_ms(times)):
        return math.nan
    return float(times[-1] - times[0]) * len(times) / (len(times) - 1)


def heart_rate(times: npt.NDArray[Any]) -> float:
    """Beats per minute; NaN where unknown. Too high for a cine that leaves out a part of the cycle.

    Args:
        times: `[frame]` in ms, without padding.
    """
    return 60_000.0 / cycle_ms(times)
