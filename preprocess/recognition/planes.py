"""What the planes of one study say about each other.

Operators plan the views of a heart from each other, so that a study holds more than each plane alone:

- The long axis is the normal of the short-axis stack and lies in every long-axis plane. Two long axes of different
  rotation therefore give it without any short axis; the population's axis is what is expected before any plane is
  seen (`estimate_axis`).
- All long axes of the left ventricle meet in one line, the axis from the mitral valve to the apex. A parallel plane
  that misses it by centimetres shows the right ventricle or a vessel (`misses_left_ventricle`).
- Four-, two- and three-chamber planes follow each other around the axis, whatever the heart's roll: planes of
  different rotation are different views, and they are turned by the same angle against the usual heart
  (`name_rotations`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np

from preprocess.cines.series import Series, centre
from preprocess.geometry import Vector, angle_between_lines, unit
from preprocess.recognition.angles import (
    LONG_AXIS_LIMIT,
    POPULATION_AXIS,
    ROTATIONS,
    SHORT_AXIS_LIMIT,
    across,
    is_body_plane,
    long_axis,
    rotation_about,
    short_axis,
    turn,
)
from preprocess.recognition.names import Decision
from preprocess.store.views import View

__all__ = ["Plane", "estimate_axis", "judge_planes", "misses_left_ventricle", "name_rotations"]

_AXIS_SPREAD = 12.0  # degrees, standard deviation of the axis between patients
_PLANNING_ERROR = 6.0  # degrees by which operators miss it
_ROLL_SPREAD = 12.0  # degrees, of the heart's roll about its axis between patients
_ROTATION_ERROR = 10.0  # degrees, of a view's rotation in a heart of known roll
_SAME_VIEW = 4.0  # cost (−log likelihood) of two different planes of one view
_SAME_PLANE = 15.0  # degrees of rotation within which two planes are repeats of one view; two errors of planning
_MOST_GROUPS = 6  # more different long axes than this are judged one by one
_STACK_DEPTH = 40.0  # mm: long axes are not covered in slices that far, short axes are
_CROSSING = 25.0  # degrees between planes whose common line is well defined
_ON_AXIS = 12.0  # mm by which long axes of one ventricle may miss their common line
_OFF_AXIS = 25.0  # mm beyond which a plane is not through the left ventricle


@dataclass(frozen=True)
class Plane:
    """The plane of a cine.

    Attributes:
        normal: unit normal `[3]`, LPS.
        centre: middle of the field of view `[3]`, mm; of the stack's middle slice.
        depth: mm between the first and the last parallel slice.
        named: the view that the series' name says, if any.
    """

    normal: Vector
    centre: Vector
    depth: float = 0.0
    named: View | None = None

    @classmethod
    def of(cls, series: Series, decision: Decision) -> Plane:
        """The plane of a series.

        Args:
            series: its frames.
            decision: what its name says; views of a lower tier than a name's do not count.
        """
        named = decision.view if decision.tier == 3 else None
        positions = np.array([image.position for image in series.images], dtype=np.float64)
        along = positions @ series.normal
        middle = series.images[int(np.argsort(along)[len(along) // 2])]
        return cls(series.normal, centre(middle), float(np.ptp(along)), named)

    def is_long_axis(self, axis: Vector, *, own_axis: bool) -> bool:
        """Whether it may be a long axis by its angle.

        Args:
            axis: long axis, base → apex, `[3]`.
            own_axis: the axis was measured in this study.
        """
        if self.named is View.SAX:
            return False
        limit = LONG_AXIS_LIMIT if own_axis or self.named is None else 1.5 * LONG_AXIS_LIMIT
        return 90.0 - angle_between_lines(self.normal, axis) <= limit

    def line(self, axis: Vector, depth: float, base: Vector) -> tuple[Vector, float]:
        """The line in which it cuts the short axis: its normal `[2]`, lateral first, and offset in mm.

        Args:
            axis: long axis, base → apex, `[3]`.
            depth: of the short axis along it, mm.
            base: lateral and anterior direction `[2, 3]`, see `across`.
        """
        flat = base @ self.normal
        length = float(np.linalg.norm(flat)) * (1.0 if flat[0] >= 0 else -1.0)
        return flat / length, float(self.normal @ self.centre - depth * (self.normal @ axis)) / length


def judge_planes(planes: Sequence[Plane]) -> list[Decision]:
    """The view of every cine of a study by geometry, with the named ones as anchors."""
    axis, is_own = estimate_axis(planes)
    across_axis = [short_axis(plane.normal, axis, own_axis=is_own) for plane in planes]
    decided = {index: seen for index, seen in enumerate(across_axis) if seen}
    stacks = [planes[index].centre for index, seen in decided.items() if seen.view is View.SAX]
    middle = np.median(stacks, axis=0) if stacks else None
    long_axes = {index: plane for index, plane in enumerate(planes) if index not in decided}
    is_elsewhere = misses_left_ventricle([*long_axes.values()], axis, middle)
    for index, elsewhere in zip(list(long_axes), is_elsewhere, strict=True):
        if elsewhere and planes[index].named is None:
            decided[index] = Decision(None, 0.0, "geometry: long axis that misses the left ventricle")
            del long_axes[index]
    decided.update(zip(long_axes, name_rotations([*long_axes.values()], axis), strict=True))
    return [decided[index] for index in range(len(planes))]


def estimate_axis(planes: Sequence[Plane]) -> tuple[Vector, bool]:
    """The long axis, base → apex, `[3]`, and whether this study's own planes determine it.

    The most likely axis under normal errors: near the population's, along the short-axis normals and in the
    long-axis planes. Which plane is which follows from the axis, so that it is found in a few rounds.
    """
    stacks = _short_axis_normals(planes)
    others = [plane for plane in planes if not is_body_plane(plane.normal, own_axis=True)]
    axis = long_axis(stacks)
    crossing: list[Vector] = []
    for _ in range(3):
        crossing = [plane.normal for plane in others if plane.is_long_axis(axis, own_axis=bool(stacks))]
        precision: Vector = np.eye(3) / _AXIS_SPREAD**2
        towards: Vector = POPULATION_AXIS / _AXIS_SPREAD**2
        for normal in crossing:
            precision = precision + np.outer(normal, normal) / _PLANNING_ERROR**2
        if stacks:  # many series of one stack are one observation
            precision = precision + np.eye(3) / _PLANNING_ERROR**2
            towards = towards + long_axis(stacks) / _PLANNING_ERROR**2
        axis = unit(np.asarray(np.linalg.solve(precision, towards), dtype=np.float64))
    has_crossing = any(angle_between_lines(first, second) >= _CROSSING for first, second in combinations(crossing, 2))
    return axis, bool(stacks) or has_crossing


def _short_axis_normals(planes: Sequence[Plane]) -> list[Vector]:
    """Normals of named short axes, or else of planes that can be nothing else."""

    def tilt(plane: Plane) -> float:
        return angle_between_lines(plane.normal, POPULATION_AXIS)

    named = [plane.normal for plane in planes if plane.named is View.SAX and tilt(plane) <= 2 * SHORT_AXIS_LIMIT]
    if named:
        return named
    seen = [plane for plane in planes if plane.named is None and not is_body_plane(plane.normal, own_axis=False)]
    deep = [plane.normal for plane in seen if plane.depth >= _STACK_DEPTH and tilt(plane) <= 1.5 * SHORT_AXIS_LIMIT]
    return deep or [plane.normal for plane in seen if tilt(plane) <= SHORT_AXIS_LIMIT]


def misses_left_ventricle(planes: Sequence[Plane], axis: Vector, middle: Vector | None = None) -> list[bool]:
    """Which long-axis planes of a study do not pass through the left ventricle.

    Seen along the axis, planes are lines and the left ventricle is the point where most of them meet; of two such
    points the lateral one is in the left ventricle. Fewer than three planes always meet; then the short-axis stack
    helps, whose field of view is centred on the heart: vertical planes on its right half show the right ventricle.

    Args:
        planes: long axes.
        axis: long axis, base → apex, `[3]`.
        middle: middle of the short axis' field of view `[3]`, mm; None where there is none.
    """
    base = np.stack(across(axis))
    depth = float(np.mean([plane.centre @ axis for plane in planes])) if planes else 0.0
    lines = [plane.line(axis, depth, base) for plane in planes]
    is_right = [middle is not None and _is_right_of(base @ middle, *line) for line in lines]
    meetings = _meetings(lines)
    if len(planes) < 3 or not meetings:
        return is_right

    def distances(point: Vector) -> Vector:
        return np.array([abs(float(normal @ point) - offset) for normal, offset in lines])

    best = max(meetings, key=lambda point: (int(np.sum(distances(point) <= _ON_AXIS)), float(point[0])))
    return [bool(distance > _OFF_AXIS) for distance in distances(best)]


def _meetings(lines: Sequence[tuple[Vector, float]]) -> list[Vector]:
    """The points `[2]` in which two lines, by normal and offset, cross at a good angle."""
    return [
        np.linalg.solve(np.stack([first, second]), np.array([offset, other]))
        for (first, offset), (second, other) in combinations(lines, 2)
        if angle_between_lines(first, second) >= _CROSSING
    ]


def _is_right_of(middle: Vector, normal: Vector, offset: float) -> bool:
    is_vertical = float(normal[0]) >= np.cos(np.radians(45.0))
    return is_vertical and offset - float(normal @ middle) < -_OFF_AXIS


def name_rotations(planes: Sequence[Plane], axis: Vector) -> list[Decision]:
    """Name long-axis planes by their rotations, together: the most likely views for one common roll of the heart.

    Args:
        planes: long axes.
        axis: long axis, base → apex, `[3]`.
    """
    rotations = [rotation_about(plane.normal, axis) for plane in planes]
    groups = _groups(rotations)
    if len(groups) > _MOST_GROUPS:
        groups = [[index] for index in range(len(planes))]
        labels = [_best_labels([angle], [[*ROTATIONS]])[0] for angle in rotations]
    else:
        middles = [_middle(group, rotations) for group in groups]
        labels = _best_labels(middles, [_choices([planes[index] for index in group]) for group in groups])
    decisions = [Decision(None, 0.0, "")] * len(planes)
    for group, (view, margin) in zip(groups, labels, strict=True):
        confidence = round(0.8 - 0.4 * float(np.exp(-margin)), 2)
        for index in group:
            reason = f"geometry: long axis, rotated by {rotations[index]:.0f}°"
            decisions[index] = Decision(view, confidence, reason, tier=2)
    return decisions


def _groups(rotations: Sequence[float]) -> list[list[int]]:
    """Planes of nearly the same rotation, which are repeats of one view."""
    groups: list[list[int]] = []
    for index in sorted(range(len(rotations)), key=lambda index: rotations[index]):
        home = next(
            (group for group in groups if abs(turn(rotations[index], rotations[group[0]])) <= _SAME_PLANE), None
        )
        if home is None:
            groups.append([index])
        else:
            home.append(index)
    return groups


def _middle(group: Sequence[int], rotations: Sequence[float]) -> float:
    """The mean of a group's nearly equal rotations, which may lie on both sides of 0° = 180°."""
    first = rotations[group[0]]
    return first + float(np.mean([turn(rotations[index], first) for index in group]))


def _choices(planes: Sequence[Plane]) -> list[View]:
    """The views that repeats of one plane may be: those that they are named, or any long axis."""
    named = {plane.named for plane in planes if plane.named in ROTATIONS}
    return [view for view in ROTATIONS if not named or view in named]


def _best_labels(rotations: Sequence[float], choices: Sequence[list[View]]) -> list[tuple[View, float]]:
    """The cheapest views for some rotations, and by how much each beats the best labelling without it."""
    costs: dict[tuple[View, ...], float] = {}
    for labels in product(*choices):
        # −log likelihood of the rotations for these views, at the roll that suits them best.
        errors = np.array([turn(rotation, ROTATIONS[view]) for rotation, view in zip(rotations, labels, strict=True)])
        roll = errors.sum() / (len(errors) + (_ROTATION_ERROR / _ROLL_SPREAD) ** 2)
        fit = np.sum((errors - roll) ** 2) / (2 * _ROTATION_ERROR**2) + roll**2 / (2 * _ROLL_SPREAD**2)
        costs[labels] = float(fit) + _SAME_VIEW * (len(labels) - len(set(labels)))
    best = min(costs, key=lambda labels: costs[labels])
    margins = []
    for index, view in enumerate(best):
        others = [cost for labels, cost in costs.items() if labels[index] is not view]
        margins.append(min(others) - costs[best] if others else np.inf)
    return list(zip(best, margins, strict=True))
