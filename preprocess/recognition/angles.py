"""What the orientation of a plane says about the view, from where hearts lie in patients.

The long axis of the left ventricle points, from base to apex, to the left, to the front and down. A short-axis
plane has it as its normal; long-axis planes contain it and differ by their rotation about it: the two-chamber
plane is nearly vertical, and the four- and three-chamber planes lie some 50–70° to its sides. Hearts on the right
side (dextrocardia) are out of scope.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from preprocess.geometry import Vector, angle_between_lines, plane_normal, unit
from preprocess.recognition.names import Decision
from preprocess.store.views import View

__all__ = [
    "LONG_AXIS_LIMIT",
    "OWN_AXIS_LIMIT",
    "POPULATION_AXIS",
    "ROTATIONS",
    "SHORT_AXIS_LIMIT",
    "across",
    "by_geometry",
    "is_body_plane",
    "long_axis",
    "rotation_about",
    "short_axis",
    "turn",
]

POPULATION_AXIS = unit((0.7, -0.5, -0.5))  # base → apex, LPS
_LATERAL = (0.5, 0.84, -0.23)  # from the septum to the lateral wall
SHORT_AXIS_LIMIT = 30.0  # degrees between a normal and the population's axis
OWN_AXIS_LIMIT = 20.0  # the same where the study's own axis is known
LONG_AXIS_LIMIT = 25.0  # degrees by which a long-axis plane may miss the axis
_CARDINAL_LIMIT = 10.0  # planes this near to axial, coronal or sagittal say nothing
_OWN_CARDINAL_LIMIT = 5.0  # the same where the study's own axis is known: a lying heart's four-chamber is near axial
ROTATIONS = {View.CH4: 35.0, View.CH2: 107.0, View.CH3: 155.0}  # degrees from lateral towards anterior


def long_axis(short_axis_normals: Sequence[Vector]) -> Vector:
    """The study's axis, base → apex: the mean normal of its short-axis planes, else the population's.

    Args:
        short_axis_normals: unit normals `[3]` of series known to be short axis, of any sign.
    """
    if not short_axis_normals:
        return POPULATION_AXIS
    turned = [normal if normal @ POPULATION_AXIS >= 0 else -normal for normal in short_axis_normals]
    return unit(np.mean(turned, axis=0))


def is_body_plane(normal: Vector, *, own_axis: bool) -> bool:
    """True for planes that are axial, coronal or sagittal, or nearly so.

    Args:
        normal: unit normal `[3]`, LPS.
        own_axis: the long axis was measured in this study; then less counts as nearly.
    """
    limit = _OWN_CARDINAL_LIMIT if own_axis else _CARDINAL_LIMIT
    return any(angle_between_lines(normal, row) < limit for row in np.eye(3))


def across(axis: Vector) -> tuple[Vector, Vector]:
    """Unit vectors `[3]` from the septum to the lateral wall and from the inferior to the anterior wall."""
    lateral = unit(np.asarray(_LATERAL) - (np.asarray(_LATERAL) @ axis) * axis)
    return lateral, np.cross(axis, lateral)


def rotation_about(normal: Vector, axis: Vector) -> float:
    """Where a long-axis plane cuts the short axis: degrees (0–180) from lateral towards anterior.

    Args:
        normal: unit normal `[3]` of the plane.
        axis: long axis, base → apex, `[3]`.
    """
    lateral, anterior = across(axis)
    direction = np.cross(normal, axis)
    return float(np.degrees(np.arctan2(direction @ anterior, direction @ lateral))) % 180.0


def turn(first: float, second: float) -> float:
    """The signed angle (−90 to 90) from the second line's direction to the first's, in degrees."""
    return (first - second + 90.0) % 180.0 - 90.0


def short_axis(normal: Vector, axis: Vector, *, own_axis: bool) -> Decision | None:
    """What the angle between normal and long axis says; None where the plane is a long axis.

    Args:
        normal: unit normal `[3]`.
        axis: long axis, base → apex, `[3]`.
        own_axis: the axis was measured in this study.
    """
    if not normal.any():
        return Decision(None, 0.0, "geometry: no plane")
    if is_body_plane(normal, own_axis=own_axis):
        return Decision(None, 0.0, "geometry: axial, coronal or sagittal plane")
    angle = angle_between_lines(normal, axis)
    limit = OWN_AXIS_LIMIT if own_axis else SHORT_AXIS_LIMIT
    if angle <= limit:
        confidence = round(0.9 - 0.3 * angle / limit, 2)
        return Decision(
            View.SAX, confidence, tier=2, reason=f"geometry: short axis, normal {angle:.0f}° from the long axis"
        )
    if 90.0 - angle > LONG_AXIS_LIMIT:
        return Decision(None, 0.0, f"geometry: no cardiac plane, normal {angle:.0f}° from the long axis")
    return None


def by_geometry(orientation: Sequence[float], axis: Vector, *, own_axis: bool) -> Decision:
    """Judge a cine by its plane alone, without the other planes of its study.

    Args:
        orientation: direction cosines `[6]`.
        axis: long axis, base → apex, `[3]`.
        own_axis: the axis was measured in this study.
    """
    normal = plane_normal(orientation)
    seen = short_axis(normal, axis, own_axis=own_axis)
    if seen is not None:
        return seen
    rotation = rotation_about(normal, axis)
    distances = {view: abs(turn(rotation, angle)) for view, angle in ROTATIONS.items()}
    view = min(distances, key=lambda key: distances[key])
    confidence = round(0.75 - distances[view] / 100.0, 2)
    return Decision(view, confidence, f"geometry: long axis, rotated by {rotation:.0f}°", tier=2)
