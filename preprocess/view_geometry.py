"""What the orientation of a plane says about the view, from where hearts lie in patients.

The long axis of the left ventricle points, from base to apex, to the left, to the front and down. A short-axis
plane has it as its normal; long-axis planes contain it and differ by their rotation about it: the two-chamber
plane is nearly vertical, and the four- and three-chamber planes lie some 50–70° to its sides.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from preprocess.geometry import Vector, angle_between_lines, plane_normal, unit
from preprocess.view_rules import Decision
from preprocess.views import View

__all__ = ["by_geometry", "is_short_axis_of", "long_axis"]

_POPULATION_AXIS = unit((0.7, -0.5, -0.5))  # base → apex, LPS
_LATERAL = (0.5, 0.84, -0.23)  # from the septum to the lateral wall
_SHORT_AXIS_LIMIT = 30.0  # degrees between a normal and the population's axis
_OWN_AXIS_LIMIT = 20.0  # the same where the study's own axis is known
_LONG_AXIS_LIMIT = 25.0  # degrees by which a long-axis plane may miss the axis
_CARDINAL_LIMIT = 10.0  # planes this near to axial, coronal or sagittal say nothing
_ROTATIONS = {View.CH4: 35.0, View.CH2: 107.0, View.CH3: 155.0}  # degrees from lateral towards anterior


def long_axis(short_axis_normals: Sequence[Vector]) -> Vector:
    """The study's axis, base → apex: the mean normal of its short-axis planes, else the population's.

    Args:
        short_axis_normals: unit normals `[3]` of series known to be short axis, of any sign.
    """
    if not short_axis_normals:
        return _POPULATION_AXIS
    turned = [normal if normal @ _POPULATION_AXIS >= 0 else -normal for normal in short_axis_normals]
    return unit(np.mean(turned, axis=0))


def is_short_axis_of(orientation: Sequence[float]) -> bool:
    """True where a plane could be short axis in most patients; used to doubt a description."""
    return angle_between_lines(plane_normal(orientation), _POPULATION_AXIS) <= 2 * _SHORT_AXIS_LIMIT


def by_geometry(orientation: Sequence[float], axis: Vector, *, own_axis: bool) -> Decision:
    """Judge a cine by its plane.

    Args:
        orientation: direction cosines `[6]`.
        axis: long axis, base → apex, `[3]`.
        own_axis: the axis was measured in this study.
    """
    normal = plane_normal(orientation)
    if not normal.any():
        return Decision(None, 0.0, "geometry: no plane")
    if any(angle_between_lines(normal, row) < _CARDINAL_LIMIT for row in np.eye(3)):
        return Decision(None, 0.0, "geometry: axial, coronal or sagittal plane")
    angle = angle_between_lines(normal, axis)
    limit = _OWN_AXIS_LIMIT if own_axis else _SHORT_AXIS_LIMIT
    if angle <= limit:
        confidence = round(0.9 - 0.3 * angle / limit, 2)
        return Decision(
            View.SAX, confidence, tier=2, reason=f"geometry: short axis, normal {angle:.0f}° from the long axis"
        )
    if 90.0 - angle > _LONG_AXIS_LIMIT:
        return Decision(None, 0.0, f"geometry: no cardiac plane, normal {angle:.0f}° from the long axis")
    return _by_rotation(normal, axis)


def _by_rotation(normal: Vector, axis: Vector) -> Decision:
    lateral = unit(np.asarray(_LATERAL) - (np.asarray(_LATERAL) @ axis) * axis)
    anterior = np.cross(axis, lateral)  # up in a short-axis image
    across = np.cross(normal, axis)  # direction in the plane, across the ventricle
    rotation = float(np.degrees(np.arctan2(across @ anterior, across @ lateral))) % 180.0
    distances = {view: abs((rotation - angle + 90.0) % 180.0 - 90.0) for view, angle in _ROTATIONS.items()}
    view = min(distances, key=lambda key: distances[key])
    confidence = round(0.75 - distances[view] / 100.0, 2)
    return Decision(view, confidence, f"geometry: long axis, rotated by {rotation:.0f}°", tier=2)
