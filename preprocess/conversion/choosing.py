"""Which slices of which series become the stack of a view; everything else gets its reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TypeVar

import numpy as np

from preprocess.cines.series import (
    Acquisition,
    Series,
    centre,
    missing_frames,
    position_tolerance,
    same_direction,
    same_plane,
    usual_count,
)
from preprocess.geometry import cluster
from preprocess.recognition.angles import long_axis
from preprocess.recognition.names import Decision
from preprocess.store.views import View

__all__ = ["Candidate", "Choice", "Slot", "choose", "merit"]

Latest = TypeVar("Latest")

_JOIN_DEGREES = 5.0  # slices of one short-axis stack may be planned one by one
_PARALLEL_DEGREES = 0.5  # slices of a long-axis stack are planned at once; what was planned again is turned by more
_REPEAT = "repeated acquisition: another one of this position is more complete or later"


@dataclass(frozen=True, eq=False)
class Candidate:
    """A series, its slices and the view it was recognised as; equal to itself only."""

    series: Series
    cines: tuple[Acquisition, ...]
    decision: Decision


@dataclass(frozen=True)
class Slot:
    """One position of a stack: the cine to use, and complete repeats of it, best first."""

    best: Acquisition
    spares: tuple[Acquisition, ...] = ()


@dataclass(frozen=True)
class Choice:
    """The stack of one view.

    Attributes:
        slices: from base to apex for the short axis, in order of position else.
        left_out: cines of the chosen series that are not used, with the reason.
        rejected: series that are not used at all, with the reason.
    """

    slices: tuple[Slot, ...] = ()
    left_out: Mapping[Acquisition, str] = field(default_factory=dict)
    rejected: Mapping[Candidate, str] = field(default_factory=dict)

    @property
    def cines(self) -> tuple[Acquisition, ...]:
        """The cine of each slice."""
        return tuple(slot.best for slot in self.slices)


def choose(view: View, candidates: Sequence[Candidate]) -> Choice:
    """Pick the best stack of a view among its candidates.

    Series that form one stack are joined first: short-axis series in one plane and of one matrix, and long-axis
    series that are parallel, of one matrix and of different positions. The best stack is of the highest tier
    (named before geometry before variants), has most complete slices (short axis) or most frames (long axes), and
    is the latest.
    """
    stacks = [_Stack.of(group) for group in _joined(view, candidates)]
    best = max(stacks, key=lambda stack: stack.merit(view))
    others = [stack for stack in stacks if stack is not best]
    if not best.slices:  # nothing is complete: every series keeps its own reasons
        return Choice(left_out={cine: reason for stack in (best, *others) for cine, reason in stack.left_out.items()})
    rejected: dict[Candidate, str] = {}
    used = best.candidates[0].series.first
    for stack in others:
        mine = stack.candidates[0].series.first
        reason = f"another {view.value} series was used (better evidence, more complete, or later)"
        if view is View.SAX and same_direction(mine, used, _JOIN_DEGREES) and not same_plane(mine, used, _JOIN_DEGREES):
            reason = "another matrix or pixel spacing than the SAX stack that was used"
        rejected.update(dict.fromkeys(stack.candidates, reason))
    return Choice(best.slices, best.left_out, rejected)


def merit(view: View, tier: int, n_frames: Sequence[int], last: Latest) -> tuple[bool, int, int, int, Latest]:
    """What stacks of a view are compared by: the larger is the better.

    Args:
        view: short-axis stacks are better with more slices, others with more frames in a slice.
        tier: of the best evidence that it is this view, see `Decision`.
        n_frames: of each complete slice.
        last: decides between equals.
    """
    count = len(n_frames) if view is View.SAX else max(n_frames, default=0)
    return bool(n_frames), tier, count, sum(n_frames), last


@dataclass(frozen=True)
class _Stack:
    """Series that form one stack: its slices, and the cines that are none of them."""

    candidates: tuple[Candidate, ...]
    slices: tuple[Slot, ...]
    left_out: Mapping[Acquisition, str]

    @classmethod
    def of(cls, group: Sequence[Candidate]) -> _Stack:
        cines = list(chain(*(candidate.cines for candidate in group)))
        usual = usual_count(len(cine.images) for cine in cines)
        left_out = {cine: reason for cine in cines if (reason := missing_frames(cine, usual))}
        complete = [cine for cine in cines if cine not in left_out]
        first = group[0].series
        normal = first.normal if first.normal @ long_axis([]) >= 0 else -first.normal  # from base to apex
        positions = [float(np.mean([centre(image) @ normal for image in cine.images])) for cine in complete]
        slices = []
        for members in cluster(positions, position_tolerance(first.first.thickness)):
            repeats = [complete[index] for index in sorted(members)]
            best, *spares = sorted(repeats, key=lambda cine: (len(cine.images), cine.when), reverse=True)
            slices.append(Slot(best, tuple(spares)))
            left_out.update(dict.fromkeys(spares, _REPEAT))
        return cls(tuple(group), tuple(slices), left_out)

    def merit(self, view: View) -> tuple[bool, int, int, int, tuple[str, int, str]]:
        tier = max(candidate.decision.tier for candidate in self.candidates)
        n_frames = [len(slot.best.images) for slot in self.slices]
        return merit(view, tier, n_frames, max((slot.best.when for slot in self.slices), default=("", 0, "")))


def _joined(view: View, candidates: Sequence[Candidate]) -> list[list[Candidate]]:
    """Candidates whose series form one stack together, see `choose`."""
    groups: list[list[Candidate]] = []
    for candidate in candidates:
        home = next((group for group in groups if _fits(view, candidate, group)), None)
        if home is None:
            groups.append([candidate])
        else:
            home.append(candidate)
    return groups


def _fits(view: View, candidate: Candidate, group: list[Candidate]) -> bool:
    """True for a series of the same plane as the group's, and for long axes of positions that go on from its own."""
    first = group[0]
    if candidate.decision.tier != first.decision.tier:
        return False
    if view is View.SAX:
        return same_plane(candidate.series.first, first.series.first, _JOIN_DEGREES)
    if not same_plane(candidate.series.first, first.series.first, _PARALLEL_DEGREES):
        return False
    normal = first.series.normal
    places = [float(centre(cine.images[0]) @ normal) for other in group for cine in other.cines]
    mine = [float(centre(cine.images[0]) @ normal) for cine in candidate.cines]
    # Distances (mm) above and up to which two slices are neighbours in a stack of long axes.
    thickness = first.series.first.thickness
    near, far = position_tolerance(thickness), 2.5 * (8.0 if np.isnan(thickness) else max(thickness, 4.0))
    return all(near < min(abs(place - other) for other in places) <= far for place in mine)
