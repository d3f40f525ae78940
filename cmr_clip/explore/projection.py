"""From embeddings to the plane, and what can be said of them before: neighbours and silhouettes."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cmr_clip.tables.embeddings import Vectors

__all__ = ["UmapSettings", "nearest", "project", "silhouette"]

_Plane = npt.NDArray[np.float32]
_SMALLEST_UMAP = 5  # below that its graph says nothing that principal components don't
_SPECTRAL_FROM = 16  # the spectral start needs more points than it has eigenvectors to spare
_BLOCK = 2048


@dataclass(frozen=True)
class UmapSettings:
    """Settings of the projection; `neighbours` is lowered where there are fewer points."""

    neighbours: int = 15
    min_dist: float = 0.1
    seed: int = 0


def project(vectors: Vectors, placed: Vectors, settings: UmapSettings) -> tuple[_Plane, _Plane]:
    """Coordinates of the points that make the map `[N, 2]` and of those placed on it `[M, 2]`.

    The map is fitted to `vectors` alone; `placed` goes through the fitted transform and moves nothing.
    """
    if len(vectors) < _SMALLEST_UMAP:
        centre = vectors.mean(axis=0)
        axes = np.zeros((2, vectors.shape[1]), np.float32)
        found = np.linalg.svd(vectors - centre, full_matrices=False)[2][:2]
        axes[: len(found)] = found
        on_axes = ((vectors - centre) @ axes.T).astype(np.float32)
        return on_axes, ((placed - centre) @ axes.T).astype(np.float32)
    from umap import UMAP

    reducer = UMAP(
        n_neighbors=max(2, min(settings.neighbours, len(vectors) - 1)),
        min_dist=settings.min_dist,
        metric="cosine",
        init="spectral" if len(vectors) >= _SPECTRAL_FROM else "random",
        random_state=settings.seed,
        n_jobs=1,
    )
    with warnings.catch_warnings():
        # Duplicate clips make disconnected islands: legitimate, and visible on the map.
        warnings.filterwarnings("ignore", category=UserWarning, module="umap")
        warnings.filterwarnings("ignore", category=UserWarning, module="sklearn")
        fitted = np.asarray(reducer.fit_transform(vectors), np.float32)
        if not len(placed):
            return fitted, np.zeros((0, 2), np.float32)
        return fitted, np.asarray(reducer.transform(placed), np.float32)


def nearest(vectors: Vectors, n_reference: int, k: int = 8) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """The nearest of the first `n_reference` rows to every row, itself left out.

    Returns:
        Rows `[N, K]` and cosine similarities `[N, K]`, best first; K is smaller than `k` where there are fewer
        others. A placed row (beyond `n_reference`) has K neighbours too.
    """
    k = max(0, min(k, n_reference - 1))
    rows, scores = [], []
    for start in range(0, len(vectors), _BLOCK):
        block = vectors[start : start + _BLOCK] @ vectors[:n_reference].T
        own = np.arange(start, min(start + _BLOCK, n_reference))
        block[own - start, own] = -np.inf
        order = np.argsort(-block, axis=1, kind="stable")[:, :k]
        rows.append(order)
        scores.append(np.take_along_axis(block, order, axis=1))
    return np.concatenate(rows).astype(np.int64), np.concatenate(scores).astype(np.float32)


def silhouette(vectors: Vectors, codes: npt.NDArray[np.int64]) -> float | None:
    """Mean cosine silhouette, −1 to 1, of vectors `[N, D]` by their classes; None where it isn't defined.

    Args:
        vectors: `[N, D]`.
        codes: `[N]`, class of each; −1 = unknown, left out.
    """
    from sklearn.metrics import silhouette_score

    known = codes >= 0
    n_classes = len(np.unique(codes[known]))
    if not 2 <= n_classes < known.sum():
        return None
    sample = 5000 if known.sum() > 5000 else None  # it is quadratic
    return float(silhouette_score(vectors[known], codes[known], metric="cosine", sample_size=sample, random_state=0))
