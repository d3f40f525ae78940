"""The same scan under two names: exact by the hash of the pixels, near by the fingerprints of the clips.

Two studies are near-duplicates if the clips that belong together (same view, same place in the stack) are alike in one
common way of showing them. How alike they must be depends on whether their planes lie at the very same place in the
scanner: two examinations never do, but a copy may have lost its geometry. The numbers were measured, see
docs/verification.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt

from preprocess.verification.fingerprint import Words, hamming, orientations
from preprocess.verification.lsh import similar_pairs
from preprocess.verification.places import SAME_ANGLE, SAME_MM, same_place

__all__ = ["Clips", "Duplicate", "Likeness", "compare", "duplicate_groups", "find_duplicates"]

CLIP_LIMIT = 80  # different bits of 256 up to which two clips are alike
FEW = 3  # fewer clips than this must be more alike
PLACED_LIMIT, PLACED_FEW_LIMIT = 80, 64  # median over the clips, where the planes are the same
LIMIT, FEW_LIMIT = 20, 4  # where they are not, or are not known
_PARALLEL = 0.996  # cosine of 5°: of slices that may belong together
_NEAREST = 2.5  # mm between them


@dataclass(frozen=True)
class Clips:
    """Clips of many studies as columns.

    Attributes:
        study: number of the study, `[N]`.
        view: number of the view, `[N]`.
        index: slice within the view, `[N]`.
        position: along the plane's normal in mm, NaN where unknown, `[N]`.
        normal: of the plane, `[N, 3]`.
        words: fingerprints, `[N, 4]`.
        is_valid: whether there is a fingerprint, `[N]`.
        sha256: of the pixels, empty where equal pixels would mean nothing, `[N]`.
        is_placed: whether the plane's place is known and unusual, see `preprocess.verification.places`, `[N]`.
    """

    study: npt.NDArray[np.int64]
    view: npt.NDArray[np.int64]
    index: npt.NDArray[np.int64]
    position: npt.NDArray[np.float64]
    normal: npt.NDArray[np.float64]
    words: Words
    is_valid: npt.NDArray[np.bool_]
    sha256: npt.NDArray[np.str_]
    is_placed: npt.NDArray[np.bool_]

    def take(self, chosen: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> Clips:
        """Some of the clips: `chosen` is their indices `[n]`, or a mask `[N]`."""
        return Clips(**{name: value[chosen] for name, value in vars(self).items()})


@dataclass(frozen=True)
class Likeness:
    """How two studies compare.

    Attributes:
        n_compared: clips that belong together.
        n_alike: those of them that are alike.
        distance: median of different bits over those compared.
        is_placed: whether most of them, in two views or more, lie in the very same planes.
    """

    n_compared: int
    n_alike: int
    distance: float
    is_placed: bool = False

    @property
    def is_same(self) -> bool:
        """Whether it is the same scan."""
        few, many = (PLACED_FEW_LIMIT, PLACED_LIMIT) if self.is_placed else (FEW_LIMIT, LIMIT)
        limit = many if self.n_compared >= FEW else few
        return 2 * self.n_alike > self.n_compared and self.distance <= limit


@dataclass(frozen=True)
class Duplicate:
    """A pair of studies, by number, the smaller first.

    Attributes:
        a: number of a study.
        b: number of another.
        kind: `exact` where a cine is equal in every pixel.
        n_clips: clips that are equal or alike.
        distance: median of different bits of 256; 0 for exact.
    """

    a: int
    b: int
    kind: Literal["exact", "near"]
    n_clips: int
    distance: float


def find_duplicates(clips: Clips) -> list[Duplicate]:
    """All pairs of studies that hold the same scan, sorted."""
    # Exact: pairs of studies that share pixels, with the number of hashes they share.
    order = np.argsort(clips.sha256, kind="stable")
    hashes, studies = clips.sha256[order], clips.study[order]
    bounds = np.concatenate([[0], 1 + np.flatnonzero(hashes[1:] != hashes[:-1]), [len(hashes)]]).tolist()
    exact: Counter[tuple[int, int]] = Counter()
    for start, stop in pairwise(bounds):
        if stop - start > 1 and hashes[start] != "":
            exact.update(combinations(sorted(set(studies[start:stop].tolist())), 2))
    found = [Duplicate(a, b, "exact", count, 0.0) for (a, b), count in exact.items()]
    valid = clips.take(clips.is_valid)
    valid = valid.take(np.argsort(valid.study, kind="stable"))
    starts = np.searchsorted(valid.study, np.arange(int(valid.study.max(initial=-1)) + 2))
    # Near: half of the clips of a pair are below the limit, or their planes lie at the same place.
    alike = similar_pairs(valid.words, valid.view, valid.study, LIMIT)
    placed = valid.take(valid.is_placed)
    together = same_place(placed.normal, placed.position, placed.view, placed.study)
    for a, b in np.unique(np.concatenate([alike, together]), axis=0).tolist():
        if (a, b) not in exact:
            first, second = (valid.take(np.arange(starts[study], starts[study + 1])) for study in (a, b))
            likeness = compare(first, second)
            if likeness.is_same:
                found.append(Duplicate(a, b, "near", likeness.n_alike, likeness.distance))
    return sorted(found, key=lambda pair: (pair.a, pair.b))


def compare(a: Clips, b: Clips) -> Likeness:
    """Compare the clips of two studies that belong together, in the orientation in which they are most alike.

    Slices belong together by their position in space. Where too few do (a copy without geometry), by their order in the
    stack, from either end and with any offset.
    """
    turned = orientations(a.words)
    distances = hamming(turned[:, :, None], b.words[None, None])  # [orientation, clip of a, clip of b]
    # For each clip of `a` the nearest one of `b` in the same view and plane, if there is one.
    cosine = a.normal @ b.normal.T
    gap = np.abs(a.position[:, None] - np.sign(cosine) * b.position[None])
    fits = (a.view[:, None] == b.view[None]) & (np.abs(cosine) > _PARALLEL) & (gap < _NEAREST)  # NaN fits nothing
    nearest = np.where(fits, gap, np.inf).argmin(axis=1)
    pairs = [(i, int(nearest[i])) for i in np.flatnonzero(fits.any(axis=1)).tolist()]
    possible = sum(min(int((a.view == view).sum()), int((b.view == view).sum())) for view in np.unique(a.view))
    if 2 * len(pairs) > possible:
        is_placed = _are_placed(a, b, pairs)
        options = [_likeness(table, pairs, is_placed) for table in distances]
    else:
        options = [_likeness(table, _by_order(table, a, b)) for table in distances]
    return max(options, key=lambda likeness: (-likeness.distance, likeness.n_alike))


def _are_placed(a: Clips, b: Clips, pairs: Sequence[tuple[int, int]]) -> bool:
    """Most pairs lie in the same plane, and in two views: parallel slices agree by one chance, not by many."""
    views = []
    for i, j in pairs:
        if a.is_placed[i] and b.is_placed[j]:  # neither lies in a plane that many have
            cosine = float(a.normal[i] @ b.normal[j])
            gap = abs(a.position[i] - np.sign(cosine) * b.position[j])
            if 1 - abs(cosine) < SAME_ANGLE**2 / 2 and gap < SAME_MM:
                views.append(int(a.view[i]))
    return 2 * len(views) > len(pairs) and len(set(views)) > 1


def _likeness(distances: npt.NDArray[np.int64], pairs: Sequence[tuple[int, int]], is_placed: bool = False) -> Likeness:
    if not pairs:
        return Likeness(0, 0, float("inf"))
    values = np.array([distances[pair] for pair in pairs])
    return Likeness(len(values), int((values <= CLIP_LIMIT).sum()), float(np.median(values)), is_placed)


def _by_order(distances: npt.NDArray[np.int64], a: Clips, b: Clips) -> list[tuple[int, int]]:
    """Stacks laid against each other where they are most alike; at least half of the smaller one overlaps."""
    pairs: list[tuple[int, int]] = []
    for view in np.intersect1d(a.view, b.view):
        rows, cols = np.flatnonzero(a.view == view), np.flatnonzero(b.view == view)
        ordered = rows[np.argsort(a.index[rows], kind="stable")].tolist()
        others = cols[np.argsort(b.index[cols], kind="stable")].tolist()
        laid = (
            list(zip(ordered[max(0, -offset) :], line[max(0, offset) :], strict=False))
            for line in (others, others[::-1])
            for offset in range(-len(ordered) + 1, len(line))
        )
        options = [option for option in laid if 2 * len(option) >= min(len(ordered), len(others))]
        pairs += min(options, key=lambda option: float(np.mean([distances[pair] for pair in option])))
    return pairs


def duplicate_groups(pairs: Iterable[tuple[str, str]], patients: Mapping[str, str] | None = None) -> list[list[str]]:
    """Studies that must stay together: connected by pairs of duplicates or by a patient.

    Args:
        pairs: studies that hold the same scan.
        patients: study to patient, so that all studies of the patients involved are in one group.

    Returns:
        Groups of at least two studies, sorted.
    """
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        parent.setdefault(name, name)
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for a, b in pairs:
        parent[root(a)] = root(b)
    first: dict[str, str] = {}
    for study, patient in sorted((patients or {}).items()):
        parent[root(study)] = root(first.setdefault(patient, study))
    groups: dict[str, list[str]] = {}
    for name in sorted(parent):
        groups.setdefault(root(name), []).append(name)
    return sorted(group for group in groups.values() if len(group) > 1)
