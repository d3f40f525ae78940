"""The array types of the phantom; the alphabet is N points, T phases, H rows, W columns."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["Floats", "Labels", "Signal", "unit"]

Floats: TypeAlias = npt.NDArray[np.floating[Any]]
Labels: TypeAlias = npt.NDArray[np.uint8]
Signal: TypeAlias = npt.NDArray[np.uint16]


def unit(vector: Floats) -> Floats:
    """The vector [3] scaled to length one, [3]."""
    return np.asarray(vector / np.linalg.norm(vector))
