"""Planes in space: normals, positions along them, and which positions are one slice (mm, LPS)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["Vector", "angle_between_lines", "cluster", "is_plane", "plane_normal", "unit"]

Vector = npt.NDArray[np.float64]


def unit(vector: Sequence[float] | Vector) -> Vector:
    """The vector `[n]` at length 1; a zero vector stays zero."""
    array = np.asarray(vector, dtype=np.float64)
    length = float(np.linalg.norm(array))
    return array / length if length else array


def plane_normal(orientation: Sequence[float] | Vector) -> Vector:
    """Unit normal `[3]` of a plane from its direction cosines `[6]`: row × column."""
    cosines = np.asarray(orientation, dtype=np.float64)
    return unit(np.cross(cosines[:3], cosines[3:]))


def is_plane(orientation: Sequence[float], spacing: Sequence[float]) -> bool:
    """True for two direction cosines at right angles (within 3°) and two positive pixel distances."""
    if len(orientation) != 6 or len(spacing) != 2:
        return False
    row, column = np.asarray(orientation[:3]), np.asarray(orientation[3:])
    lengths = np.array([row @ row, column @ column])
    return bool(np.all(np.abs(lengths - 1.0) < 0.05) and abs(row @ column) < 0.05 and min(spacing) > 0)


def angle_between_lines(first: Vector, second: Vector) -> float:
    """Angle in degrees, 0–90, of two directions `[n]`: their signs do not count."""
    cosine = abs(float(unit(first) @ unit(second)))
    return float(np.degrees(np.arccos(min(1.0, cosine))))


def cluster(values: Sequence[float], tolerance: float) -> list[list[int]]:
    """Indices of values that belong together, in ascending order of value.

    Args:
        values: positions in mm.
        tolerance: a gap above it (mm) starts a new group.
    """
    order = sorted(range(len(values)), key=lambda index: values[index])
    groups: list[list[int]] = []
    for index in order:
        if groups and values[index] - values[groups[-1][-1]] <= tolerance:
            groups[-1].append(index)
        else:
            groups.append([index])
    return groups
