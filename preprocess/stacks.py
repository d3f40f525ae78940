"""Which slices of which series become the stack of a view; everything else gets its reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from preprocess.geometry import cluster
from preprocess.series import (
    Acquisition,
    Series,
    missing_frames,
    position_tolerance,
    same_plane,
    usual_count,
)
from preprocess.view_geometry import long_axis
from preprocess.view_rules import Decision
from preprocess.views import View

__all__ = ["Candidate", "Choice", "choose"]

_JOIN_DEGREES = 5.0  # slices of one short-axis stack may be planned one by one


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
    """

    slices: list[Acquisition] = field(default_factory=list)
    left_out: list[tuple[Acquisition, str]] = field(default_factory=list)
    rejected: list[tuple[Candidate, str]] = field(default_factory=list)


def choose(view: View, candidates: Sequence[Candidate]) -> Choice:
    """Pick the best stack of a view among its candidates.

    Short-axis series in one plane and of one matrix are joined first. The best stack is of the highest tier
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
            reason = f"another {view.value} series was used (better evidence, more complete, or later)"
            choice.rejected += [(candidate, reason) for candidate in stack.candidates]
    return choice


@dataclass
class _Stack:
    candidates: list[Candidate]
    choice: Choice


def _joined(view: View, candidates: Sequence[Candidate]) -> list[list[Candidate]]:
    groups: list[list[Candidate]] = []
    for candidate in candidates:
        home = next((group for group in groups if view is View.SAX and _fits(candidate, group[0])), None)
        if home is None:
            groups.append([candidate])
        else:
            home.append(candidate)
    return groups


def _fits(candidate: Candidate, first: Candidate) -> bool:
    is_equal_tier = candidate.decision.tier == first.decision.tier
    return is_equal_tier and same_plane(candidate.series.first, first.series.first, _JOIN_DEGREES)


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
        best = max(repeats, key=lambda one: (len(one.images), one.when))
        choice.slices.append(best)
        choice.left_out += [
            (one, "repeated acquisition: another one of this position is more complete or later")
            for one in repeats
            if one is not best
        ]
    return _Stack(group, choice)


def _same_position(first: Candidate, cines: list[Acquisition]) -> list[list[Acquisition]]:
    """Group cines by position, in the direction from base to apex."""
    normal = first.series.normal
    normal = normal if normal @ long_axis([]) >= 0 else -normal
    positions = [float(np.mean([np.dot(image.position, normal) for image in cine.images])) for cine in cines]
    groups = cluster(positions, position_tolerance(first.series.first.thickness))
    return [[cines[index] for index in sorted(group)] for group in groups]
