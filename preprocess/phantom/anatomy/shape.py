"""Surfaces of the heart in polar coordinates about the long axis, and the numbers that place them in the beat.

Every surface is star-shaped about the long axis, so that a point (r, φ, z) is inside when r is below the
surface's radius R(φ, z). That makes the distance to a surface cheap and every volume an integral over (φ, z).
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from preprocess.phantom.anatomy.arrays import Floats
from preprocess.phantom.anatomy.parameters import HeartParameters

__all__ = ["BASE_FRACTION", "Angular", "State", "angular", "endocardium", "epicardium", "rv_depth"]

BASE_FRACTION = 0.22  # the mitral plane lies this share of the long semi-axis behind the widest section
_RV_HALF_WIDTH = np.cos(np.deg2rad(86.0))  # the right ventricle wraps around the septum up to here
_TINY = 1e-6


@dataclass(frozen=True)
class Angular:
    """What depends on direction and height but not on time; each array [N] or [T, U, Φ], 0–1.

    Attributes:
        septal: 1 in the middle of the septum, falling off around it.
        asymmetry: Where a hypertrophic septum bulges: anteroseptal, base and middle.
        infarct: Where the myocardium doesn't contract.
        crescent: Depth of the right ventricle relative to its deepest meridian.
    """

    septal: Floats
    asymmetry: Floats
    infarct: Floats
    crescent: Floats


@dataclass(frozen=True)
class State:
    """The heart at T phases; each array [T, 1], mm unless stated.

    Attributes:
        mitral: Height z of the mitral plane.
        tricuspid: Height of the tricuspid plane.
        centre: Height of the widest section of the left ventricle.
        long_inner: Long semi-axis of the cavity.
        long_outer: Long semi-axis of the epicardium.
        inner: Short semi-axis of the cavity before regional changes.
        outer: Short semi-axis of the epicardium before regional changes.
        flattening: Flattening of the septum, 0–1.
        rv_depth: Depth of the right ventricle at its deepest meridian.
        rv_apex: Height of the apex of the right ventricle.
        rv_wall: Thickness of its free wall.
        la_size: Mean radius of the left atrium.
        ra_size: Mean radius of the right atrium.
        closure: How far the atrioventricular valves are closed, 0–1.
        contraction: 0 at end diastole, 1 at end systole.
    """

    mitral: Floats
    tricuspid: Floats
    centre: Floats
    long_inner: Floats
    long_outer: Floats
    inner: Floats
    outer: Floats
    flattening: Floats
    rv_depth: Floats
    rv_apex: Floats
    rv_wall: Floats
    la_size: Floats
    ra_size: Floats
    closure: Floats
    contraction: Floats

    def astype(self, dtype: type[np.float32]) -> State:
        """The same state in another precision."""
        return State(**{field.name: getattr(self, field.name).astype(dtype) for field in fields(self)})


def _bump(cos: Floats, sin: Floats, degrees: float, concentration: float) -> Floats:
    """A von Mises bump of height 1 around an angle."""
    angle = np.deg2rad(degrees)
    return np.asarray(np.exp(concentration * (cos * np.cos(angle) + sin * np.sin(angle) - 1.0)))


def _fade(values: Floats, start: float, stop: float) -> Floats:
    """Smoothly from 1 below `start` to 0 above `stop`."""
    share = np.clip((stop - values) / (stop - start), 0.0, 1.0)
    return np.asarray(share * share * (3.0 - 2.0 * share))


def angular(heart: HeartParameters, cos: Floats, sin: Floats, z: Floats) -> Angular:
    """The time-independent weights at directions (cos φ, sin φ) and heights z (mm), all [N] or all [T, U, Φ]."""
    height = z / heart.length
    septal = _bump(cos, sin, 180.0, 1.9)
    asymmetry = _bump(cos, sin, 155.0, 1.5) * _fade(height, 0.55, 0.95)
    # The right ventricle turns from the front at the base to the diaphragm at the apex.
    turn = np.deg2rad(176.0 + 26.0 * np.clip(height, -0.2, 1.0))
    toward = cos * np.cos(turn) + sin * np.sin(turn)
    crescent = np.clip((toward - _RV_HALF_WIDTH) / (1.0 - _RV_HALF_WIDTH), 0.0, 1.0)
    crescent = np.sqrt(crescent) * (0.45 + 0.55 * crescent)
    if heart.infarct is None:
        infarct = np.zeros_like(septal)
    else:
        territory = heart.infarct.territory
        spread = _bump(cos, sin, territory.angle, 2.2)
        apical = 0.95 * (1.0 - _fade(height, 0.5, 0.85)) if territory.value == "LAD" else 0.0
        infarct = heart.infarct.severity * np.clip(np.maximum(1.15 * spread, apical), 0.0, 1.0)
    return Angular(septal, asymmetry, infarct, crescent)


def endocardium(heart: HeartParameters, weights: Angular, flattening: Floats) -> tuple[Floats, Floats]:
    """Cavity radius at the widest section as P·a(t) + Q·a(0), a the short semi-axis.

    Args:
        heart: whose asymmetry and infarct shape the cavity.
        weights: at each point, [N] or [T, U, Φ].
        flattening: of the septum, 0–1, [T, 1] or [T, 1, 1].

    Returns:
        P and Q without unit, each [T, N] or [T, U, Φ].
    """
    thinning = heart.infarct.thinning if heart.infarct else 0.0
    bulge = 1.0 - heart.septal_asymmetry * weights.asymmetry
    shape = np.asarray((1.0 - flattening * weights.septal) * bulge * (1.0 + 0.18 * thinning * weights.infarct))
    return shape * (1.0 - weights.infarct), shape * weights.infarct


def epicardium(weights: Angular, flattening: Floats) -> tuple[Floats, Floats]:
    """Epicardial radius at the widest section as P·a(t) + Q·a(0); P and Q in the shapes of `endocardium`, [T, N]."""
    shape = 1.0 - flattening * weights.septal
    return shape * (1.0 - weights.infarct), shape * weights.infarct


def rv_depth(weights: Angular, z: Floats, tricuspid: Floats, apex: Floats) -> Floats:
    """Depth of the right ventricle outside the epicardium relative to its deepest meridian, 0–1.

    Args:
        weights: at each point, [N] or [T, Z, Φ].
        z: heights of the points, mm, [N] or [T, Z, Φ].
        tricuspid: height of the tricuspid plane, mm, [T, 1] or [T, 1, 1].
        apex: height of the ventricle's apex, likewise.

    Returns:
        [T, N] or [T, Z, Φ].
    """
    along = np.clip((z - tricuspid) / (apex - tricuspid + _TINY), 0.0, 1.0)
    return weights.crescent * (1.0 - along * along)
