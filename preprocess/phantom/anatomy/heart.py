"""A beating heart that can be asked at any point and phase: what is here, and how far is each surface."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from itertools import pairwise

import numpy as np

from preprocess.phantom.anatomy.arrays import Floats, Labels
from preprocess.phantom.anatomy.parameters import HeartParameters
from preprocess.phantom.anatomy.pose import Pose
from preprocess.phantom.anatomy.shape import Angular, State, angular, endocardium, epicardium, rv_depth
from preprocess.phantom.anatomy.solver import ATRIAL_AXES, ATRIAL_OFFSET, solve

__all__ = ["Distances", "Heart", "Label", "Sample"]

_WALL = 2.0  # atrial and aortic walls, mm
_AORTA = 13.0  # radius of the aortic root, mm
_AORTIC_WAY = np.array([[-7.5, 9.5, 22.0], [-22.0, 27.0, -38.0], [-24.0, 60.0, -78.0]])  # heart frame, mm
_LA_PLACE = (6.0, -5.0)
_FAR = np.float32(1e3)


class Label(IntEnum):
    """What `Heart.labels` says of a point."""

    BACKGROUND = 0
    LV_CAVITY = 1
    LV_MYOCARDIUM = 2
    RV_CAVITY = 3
    LA = 4
    RA = 5
    RV_WALL = 6
    AORTA = 7
    FLUID = 8


@dataclass(frozen=True)
class Sample:
    """Points prepared once for all phases: heart-frame coordinates and polar weights, each [N] float32."""

    x: Floats
    y: Floats
    z: Floats
    r: Floats
    weights: Angular
    aorta: Floats


@dataclass(frozen=True)
class Distances:
    """Signed distances to each surface, [T, N] mm, negative inside (first order, good near the surface)."""

    lv_cavity: Floats
    lv_outer: Floats
    rv_cavity: Floats
    rv_outer: Floats
    la: Floats
    ra: Floats
    aorta: Floats

    @cached_property
    def ventricles(self) -> Floats:
        """Distance to the outside of both ventricles, [T, N] mm."""
        return np.minimum(self.lv_outer, self.rv_outer)

    @cached_property
    def pericardium(self) -> Floats:
        """Distance to the outside of ventricles and right atrium, which the pericardial sac holds, [T, N] mm."""
        return np.asarray(np.minimum(self.ventricles, self.ra - np.float32(_WALL)))

    @cached_property
    def outside(self) -> Floats:
        """Distance to the outside of the whole heart, [T, N] mm."""
        return np.asarray(np.minimum(np.minimum(self.pericardium, self.la - np.float32(_WALL)), self.aorta))


@dataclass(frozen=True)
class Heart:
    """A heart in a patient: what it is like (`parameters`) and where it lies (`pose`)."""

    parameters: HeartParameters
    pose: Pose

    @cached_property
    def _states(self) -> dict[bytes, State]:
        return {}

    def state(self, phases: Floats) -> State:
        """Sizes at phases [T] (0 = end diastole); remembered, because all slices of a series share them."""
        key = np.asarray(phases, dtype=np.float64).tobytes()
        if key not in self._states:
            self._states[key] = solve(self.parameters, phases)
        return self._states[key]

    @cached_property
    def _rest(self) -> State:
        """End diastole, the anchor of regions that don't move."""
        return self.state(np.zeros(1))

    @cached_property
    def _ra_place(self) -> tuple[float, float]:
        """Middle of the right atrium: beside the left one however large both are."""
        largest = self.state(np.array([self.parameters.cycle.end_systole]))
        apart = float(largest.la_size[0, 0] + largest.ra_size[0, 0]) * ATRIAL_AXES[0]
        return min(_LA_PLACE[0] - apart - 2.5, -40.0), -13.0

    def sample(self, points: Floats) -> Sample:
        """Prepare patient points [N, 3] (LPS, mm)."""
        local = self.pose.to_heart(points).astype(np.float32)
        x, y, z = (np.ascontiguousarray(local[:, axis]) for axis in range(3))
        r = np.sqrt(x * x + y * y) + np.float32(1e-4)
        # The aorta is a tube around a broken line.
        nearest, way = np.full(len(local), _FAR, dtype=np.float32), _AORTIC_WAY.astype(np.float32)
        for start, stop in pairwise(way):
            step = stop - start
            share = np.clip((local - start) @ step / (step @ step), 0, 1)
            gap = local - start - share[:, None] * step
            nearest = np.minimum(nearest, np.sqrt((gap * gap).sum(axis=1)))
        return Sample(x, y, z, r, angular(self.parameters, x / r, y / r, z), nearest - np.float32(_AORTA))

    def distances(self, sample: Sample, state: State) -> Distances:
        """Signed distances of N points at T phases, each [T, N] mm."""
        s, d, at_rest = state.astype(np.float32), sample, self._rest.astype(np.float32)
        behind_mitral = s.mitral - d.z
        p, q = endocardium(self.parameters, d.weights, s.flattening)
        cavity = _ellipsoid(d, p * s.inner + q * at_rest.inner, s.long_inner, s.centre)
        p, q = epicardium(d.weights, s.flattening)
        radius = p * s.outer + q * at_rest.outer
        wall = _ellipsoid(d, radius, s.long_outer, s.centre)
        section = np.sqrt(np.clip(1 - ((d.z - s.centre) / s.long_outer) ** 2, 0, 1))
        depth = s.rv_depth * rv_depth(d.weights, d.z, s.tricuspid, s.rv_apex)
        rv = np.maximum((d.r - radius * section - depth) * np.float32(0.9), d.z - s.rv_apex)
        free_wall = s.rv_wall * np.minimum(depth * np.float32(0.2), np.float32(1.0))
        behind_tricuspid = s.tricuspid - d.z
        la = self._atrium(d, s.la_size, s.mitral, _LA_PLACE)
        ra = self._atrium(d, s.ra_size, s.tricuspid, self._ra_place)
        return Distances(
            lv_cavity=np.maximum(cavity, behind_mitral),
            lv_outer=_corner(wall, behind_mitral),
            rv_cavity=np.maximum(rv, behind_tricuspid),
            rv_outer=_corner(rv - free_wall, behind_tricuspid),
            la=np.maximum(la, -d.aorta - np.float32(_WALL)),
            ra=np.maximum(ra, -d.aorta - np.float32(_WALL)),
            aorta=np.maximum(d.aorta, -behind_mitral),
        )

    @staticmethod
    def _atrium(sample: Sample, size: Floats, plane: Floats, place: tuple[float, float]) -> Floats:
        """Distance to an ellipsoid behind its valve plane, [T, N] mm."""
        ax, ay, az = (np.float32(share) * size for share in ATRIAL_AXES)
        dx, dy = sample.x - np.float32(place[0]), sample.y - np.float32(place[1])
        dz = sample.z - (plane - np.float32(ATRIAL_OFFSET) * az)
        scaled = np.sqrt((dx / ax) ** 2 + (dy / ay) ** 2 + (dz / az) ** 2)
        return np.asarray(np.maximum((scaled - 1) * size, sample.z - plane))

    def labels(self, points: Floats, phase: float) -> Labels:
        """What lies at patient points [N, 3] (LPS, mm) at one phase; [N] values of `Label`.

        The papillary muscles belong to the cavity, as most readers count them.
        """
        d = self.distances(self.sample(points), self.state(np.array([phase])))
        labels = np.zeros(len(points), dtype=np.uint8)
        effusion = self.parameters.effusion
        if effusion > 0:
            labels[(d.pericardium < effusion)[0]] = Label.FLUID
        order = (
            (Label.RV_WALL, d.rv_outer),
            (Label.RV_CAVITY, d.rv_cavity),
            (Label.RA, d.ra),
            (Label.LA, d.la),
            (Label.AORTA, d.aorta),
            (Label.LV_MYOCARDIUM, d.lv_outer),
            (Label.LV_CAVITY, d.lv_cavity),
        )
        for label, distance in order:
            labels[distance[0] < 0] = label
        return labels


def _corner(side: Floats, base: Floats) -> Floats:
    """Distance to the intersection of two surfaces, round outside their common edge, [T, N] mm."""
    zero = np.float32(0)
    outside = np.sqrt(np.maximum(side, zero) ** 2 + np.maximum(base, zero) ** 2)
    return np.asarray(outside + np.minimum(np.maximum(side, base), zero))


def _ellipsoid(sample: Sample, radius: Floats, long_axis: Floats, centre: Floats) -> Floats:
    """First-order distance to (r/radius)² + ((z − centre)/long_axis)² = 1, [T, N] mm."""
    across = sample.r / radius
    along = (sample.z - centre) / long_axis
    square = across * across + along * along
    slope = np.sqrt((across / radius) ** 2 + (along / long_axis) ** 2) + np.float32(1e-6)
    scaled = np.sqrt(square)
    return np.asarray((scaled - 1) * scaled / slope)
