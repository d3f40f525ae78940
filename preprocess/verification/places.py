"""Where a plane lies in the scanner: the same scan keeps it, two examinations hardly ever share it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

__all__ = ["SAME_ANGLE", "SAME_MM", "same_place", "unusual_places"]

SAME_ANGLE = np.radians(0.3)
SAME_MM = 0.5
_COMMON = 8  # studies of one place from which on it is a convention (files without true geometry) and no evidence
_ALIGNED = 0.9999  # of the normal's largest component: planes along the scanner's axes are set by default

_Floats = npt.NDArray[np.float64]


def _points(normal: _Floats, position: _Floats) -> _Floats:
    """Planes as points `[N, 4]` whose distance of 1 is `SAME_ANGLE` or `SAME_MM`, whichever way the normal points."""
    largest = np.take_along_axis(normal, np.abs(normal).argmax(axis=1)[:, None], axis=1)
    sign = np.where(largest < 0, -1.0, 1.0)
    return np.concatenate([sign * normal / SAME_ANGLE, sign * position[:, None] / SAME_MM], axis=1)


def unusual_places(
    normal: _Floats, position: _Floats, view: npt.NDArray[np.int64], study: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """Clips whose plane says which scan it is: known, oblique, and shared by few studies.

    Args:
        normal: of the plane, `[N, 3]`, NaN where unknown.
        position: along it in mm, `[N]`.
        view: number of the view, `[N]`.
        study: number of the study, `[N]`.
    """
    known = np.isfinite(normal).all(axis=1) & np.isfinite(position)
    known[known] = np.abs(normal[known]).max(axis=1) < _ALIGNED
    cells = np.floor(_points(normal[known], position[known]) / 2).astype(np.int64)
    _, cell = np.unique(np.column_stack([cells, view[known]]), axis=0, return_inverse=True)
    pairs = np.unique(np.column_stack([cell.reshape(-1), study[known]]), axis=0)
    n_studies = np.bincount(pairs[:, 0], minlength=len(cells))
    known[known] = n_studies[cell.reshape(-1)] <= _COMMON
    return known


def same_place(
    normal: _Floats, position: _Floats, view: npt.NDArray[np.int64], study: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Pairs of studies that share planes in two views or more: `[pair, 2]`, the smaller first, each once."""
    if not len(study):
        return np.zeros((0, 2), np.int64)
    points = np.column_stack([_points(normal, position), view * 100.0])
    left, right = cKDTree(points).query_pairs(1.0, output_type="ndarray").reshape(-1, 2).T
    both = np.sort(np.column_stack([study[left], study[right]]), axis=1)
    differ = both[:, 0] != both[:, 1]
    by_view = np.unique(np.column_stack([both[differ], view[left][differ]]), axis=0)
    pairs, n_views = np.unique(by_view[:, :2], axis=0, return_counts=True)
    return pairs[n_views > 1]
