"""How the slices of a stack lie to one another."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from preprocess.store.study import CineStack

__all__ = ["slice_distances"]


def slice_distances(stack: CineStack) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Distance of each slice from the one before in mm, along the normal `[slice]` and within the plane `[slice]`.

    The first slice has none: NaN.
    """
    row, column = np.split(np.asarray(stack.image_orientation, dtype=np.float64), 2)
    normal = np.cross(row, column)
    steps = np.diff(np.asarray(stack.image_position, dtype=np.float64), axis=0)
    along = steps @ normal
    within = np.linalg.norm(steps - along[:, None] * normal, axis=1)
    first = [math.nan]
    return np.concatenate([first, np.abs(along)]), np.concatenate([first, within])
