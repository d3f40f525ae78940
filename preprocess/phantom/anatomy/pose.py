"""Where the heart lies in the patient: an orthonormal frame around the long axis of the left ventricle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from preprocess.phantom.anatomy.arrays import Floats, unit

__all__ = ["Pose", "rotation", "sample_pose"]

_APEX = np.array([0.70, -0.50, -0.50])  # base to apex: left, anterior, inferior (LPS)
_LATERAL = np.array([0.62, 0.77, 0.10])  # septum to lateral wall: left, posterior


@dataclass(frozen=True)
class Pose:
    """The heart frame in patient coordinates (LPS, mm).

    The columns of `axes` [3, 3] are x = septum → lateral wall, y = inferior → anterior wall, z = base → apex;
    they form a right-handed system. `origin` [3] is the middle of the mitral plane at end diastole.
    """

    origin: Floats
    axes: Floats

    def to_heart(self, points: Floats) -> Floats:
        """Patient points [N, 3] (LPS, mm) in the heart frame [N, 3] (mm)."""
        return (points - self.origin) @ self.axes

    def to_patient(self, points: Floats) -> Floats:
        """Heart-frame points [N, 3] (mm) in patient coordinates [N, 3] (LPS, mm)."""
        return np.asarray(points @ self.axes.T + self.origin)


def rotation(axis: Floats, degrees: float) -> Floats:
    """The rotation matrix [3, 3] about an axis (Rodrigues)."""
    x, y, z = unit(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.deg2rad(degrees)
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross)


def sample_pose(rng: np.random.Generator) -> Pose:
    """A heart position: the long axis varies by about ±15°, the roll around it by ±8°, the place by ±8 mm."""
    apex = unit(_APEX)
    tilt_axis = unit(np.cross(apex, rng.standard_normal(3)))
    apex = rotation(tilt_axis, float(np.clip(rng.normal(0, 7), -15, 15))) @ apex
    lateral = rotation(apex, float(rng.uniform(-8, 8))) @ _LATERAL
    lateral = unit(lateral - apex * (lateral @ apex))
    axes = np.stack([lateral, np.cross(apex, lateral), apex], axis=1)
    return Pose(origin=np.array([28.0, -12.0, 22.0]) + rng.uniform(-8, 8, 3), axes=axes)
