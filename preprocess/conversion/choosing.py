"""Which slices of which series become the stack of a view; everything else gets its reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

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

__all__ = ["Candidate", "Choice", "choose"]

_JOIN_DEGREES = 5.0  # slices of one short-axis stack may be planned one by one
_PARALLEL_DEGREES = 0.5  # slices of a long-axis stack are planned at once; what was planned again is turned by more


@dataclass(frozen=True)
class Candidate:
    """A series, its slices and the view it was recognised as."""

    series: Series
    cines: tuple[Acquisition, ...]
    decision: Decision


@dataclass
class Choice:
    """The stack of one view.

    Attributes:
        slices: chosen cines, from base to apex for the short axis, in order of position else.
        left_out: cines of the chosen series that were not used, with the reason.
        rejected: series that were not used at all, with the reason.
        spares: complete repeats of a chosen cine, best first, by the `id` of the cine.
    """

    slices: list[Acquisition] = field(default_factory=list)
    left_out: list[tuple[Acquisition, str]] = field(default_factory=list)
    rejected: list[tuple[Candidate, str]] = field(default_factory=list)
    spares: dict[int, list[Acquisition]] = field(default_factory=dict)

    def leave_out(self, cine: Acquisition, reason: str) -> None:
        """Give this reason for a cine that is not used, in place of any other."""
        self.use(cine)
        self.left_out.append((cine, reason))

    def use(self, cine: Acquisition) -> None:
        """Forget why a cine was not used."""
        self.left_out[:] = [(one, reason) for one, reason in self.left_out if one is not cine]


def choose(view: View, candidates: Sequence[Candidate]) -> Choice:
    """Pick the best stack of a view among its candidates.

    Series that form one stack are joined first: short-axis series in one plane and of one matrix, and long-axis
    series that are parallel, of one matrix and of different positions. The best stack is of the highest tier
    (named before geometry before variants), has most complete slices (short axis) or most frames (long axes), and
    is the latest.
    """
    stacks = [_fill(group) for group in _joined(view, candidates)]
    best = max(stacks, key=lambda stack: _merit(view, stack))
    choice = best.choice
    if not choice.slices:  # nothing is complete: every series keeps its own reasons
        for stack in stacks:
            if stack is not best:
                choice.left_out += stack.choice.left_out
        return choice
    for stack in stacks:
        if stack is not best:
            reason = _why_another(view, stack, best)
            choice.rejected += [(candidate, reason) for candidate in stack.candidates]
    return choice


@dataclass
class _Stack:
    candidates: list[Candidate]
    choice: Choice


def _why_another(view: View, stack: _Stack, best: _Stack) -> str:
    mine, used = stack.candidates[0].series.first, best.candidates[0].series.first
    if view is View.SAX and same_direction(mine, used, _JOIN_DEGREES) and not same_plane(mine, used, _JOIN_DEGREES):
        return "another matrix or pixel spacing than the SAX stack that was used"
    return f"another {view.value} series was used (better evidence, more complete, or later)"


def _joined(view: View, candidates: Sequence[Candidate]) -> list[list[Candidate]]:
    groups: list[list[Candidate]] = []
    for candidate in candidates:
        home = next((group for group in groups if _fits(view, candidate, group)), None)
        if home is None:
            groups.append([candidate])
        else:
            home.append(candidate)
    return groups


def _fits(view: View, candidate: Candidate, group: list[Candidate]) -> bool:
    first = group[0]
    if candidate.decision.tier != first.decision.tier:
        return False
    if view is View.SAX:
        return same_plane(candidate.series.first, first.series.first, _JOIN_DEGREES)
    if not same_plane(candidate.series.first, first.series.first, _PARALLEL_DEGREES):
        return False
    normal = first.series.normal
    places = [float(centre(one.images[0]) @ normal) for other in group for one in other.cines]
    mine = [float(centre(one.images[0]) @ normal) for one in candidate.cines]
    near, far = _neighbour_gaps(first.series.first.thickness)
    return all(near < min(abs(place - other) for other in places) <= far for place in mine)


def _neighbour_gaps(thickness: float) -> tuple[float, float]:
    """Distances (mm) above and up to which two slices are neighbours in a stack of long axes."""
    return position_tolerance(thickness), 2.5 * (8.0 if np.isnan(thickness) else max(thickness, 4.0))


def _merit(view: View, stack: _Stack) -> tuple[bool, int, int, int, tuple[str, int, str]]:
    slices = stack.choice.slices
    n_frames = sum(len(one.images) for one in slices)
    count = len(slices) if view is View.SAX else max((len(one.images) for one in slices), default=0)
    latest = max((one.when for one in slices), default=("", 0, ""))
    tier = max(candidate.decision.tier for candidate in stack.candidates)
    return bool(slices), tier, count, n_frames, latest


def _fill(group: list[Candidate]) -> _Stack:
    cines = [cine for candidate in group for cine in candidate.cines]
    usual = usual_count(cines)
    choice = Choice()
    complete: list[Acquisition] = []
    for cine in cines:
        reason = missing_frames(cine, usual)
        if reason:
            choice.left_out.append((cine, reason))
        else:
            complete.append(cine)
    for repeats in _same_position(group[0], complete):
        best, *spares = sorted(repeats, key=lambda one: (len(one.images), one.when), reverse=True)
        choice.slices.append(best)
        choice.spares[id(best)] = spares
        reason = "repeated acquisition: another one of this position is more complete or later"
        choice.left_out += [(one, reason) for one in spares]
    return _Stack(group, choice)


def _same_position(first: Candidate, cines: list[Acquisition]) -> list[list[Acquisition]]:
    """Group cines by position, in the direction from base to apex."""
    normal = first.series.normal
    normal = normal if normal @ long_axis([]) >= 0 else -normal
    positions = [float(np.mean([centre(image) @ normal for image in cine.images])) for cine in cines]
    groups = cluster(positions, position_tolerance(first.series.first.thickness))
    return [[cines[index] for index in sorted(group)] for group in groups]
