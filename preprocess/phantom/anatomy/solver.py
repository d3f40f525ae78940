"""Find the sizes that give every chamber its prescribed volume at every phase.

With the surfaces of `shape`, each volume is a quadratic in one unknown length, so it is solved exactly:

* cavity      V(t) = ½ c ∫∫ (P a + Q a₀)² (1 − u²) du dφ              → a(t)
* epicardium  V(t) + myocardium (constant: the wall thickens as it shortens)  → outer a(t)
* right ventricle V(t) = ∫∫ (R h + h²/2) dφ dz, h = H · shape          → H(t)
* atrium      V(t) = 4.01 · s³ (ellipsoid cut by its valve plane)     → s(t)
"""

from __future__ import annotations

import numpy as np

from preprocess.phantom.anatomy.arrays import Floats
from preprocess.phantom.anatomy.parameters import HeartParameters
from preprocess.phantom.anatomy.shape import BASE_FRACTION, Angular, State, angular, endocardium, epicardium, rv_depth

__all__ = ["ATRIAL_AXES", "ATRIAL_OFFSET", "solve"]

ATRIAL_AXES = (0.98, 0.95, 1.10)  # semi-axes x, y, z of an atrium relative to its mean radius
ATRIAL_OFFSET = 0.72  # the valve plane cuts an atrium this share of its z semi-axis before its middle
_APICAL_SHARE = 0.55  # the apex is thinner than the wall beside it
_HEIGHTS, _ANGLES = 32, 72
_ML = 1e-3  # mL in one mm³

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(_HEIGHTS)
_PHI = (np.arange(_ANGLES) + 0.5) * (2 * np.pi / _ANGLES)
_DPHI = 2 * np.pi / _ANGLES


def _positive_root(square: Floats, linear: Floats, constant: Floats) -> Floats:
    """The positive root of square·x² + linear·x = constant."""
    return (-linear + np.sqrt(linear**2 + 4 * square * constant)) / (2 * square)


def _weights_at(heart: HeartParameters, z: Floats) -> Angular:
    """Angular weights on the integration grid for heights z [T, U, 1]."""
    cos, sin, heights = np.broadcast_arrays(np.cos(_PHI), np.sin(_PHI), z)
    return angular(heart, cos, sin, heights)


def _semi_axis(
    parts: tuple[Floats, Floats], share: Floats, scale: Floats, volume: Floats, first: float | None
) -> Floats:
    """Solve ½ scale ∫∫ share (P a + Q a₀)² = volume (mm³) for a [T]; a₀ = a where `first` is None."""
    p, q = parts
    base = 0.5 * scale * _DPHI

    def integral(values: Floats) -> Floats:
        return np.asarray(base * (share * values.sum(axis=2)).sum(axis=1))

    if first is None:
        return np.sqrt(volume / integral((p + q) ** 2))
    constant = volume - integral(q * q) * first**2
    return _positive_root(integral(p * p), 2 * first * integral(p * q), constant)


def solve(heart: HeartParameters, phases: Floats) -> State:
    """The state of the heart at phases [T] (0 = end diastole)."""
    moments = np.concatenate([[0.0], np.asarray(phases, dtype=np.float64)])  # the first gives a(0)
    filling = heart.cycle.filling(moments)
    contraction = 1.0 - filling
    volume = heart.lvesv + (heart.lvedv - heart.lvesv) * filling
    mitral, tricuspid = heart.mapse * contraction, heart.tapse * contraction
    flattening = heart.flattening_ed + (heart.flattening_es - heart.flattening_ed) * contraction
    long_outer = (heart.length - mitral) / (1 + BASE_FRACTION)
    centre = mitral + BASE_FRACTION * long_outer
    # Thickness of the apex at end diastole: a share of the mean wall, 3 to 9 mm.
    radius = np.sqrt(heart.lvedv / _ML / (0.73 * np.pi * heart.length))
    area = 0.8 * 2 * np.pi * (radius + 4.0) * heart.length  # about the middle of the wall, mm²
    apex = float(np.clip(_APICAL_SHARE * heart.wall_volume / _ML / area, 3.0, 9.0))
    long_inner = long_outer - apex * (1 + 0.35 * contraction)
    flat = flattening[:, None, None]

    u, share = _cut_ellipsoid(BASE_FRACTION * long_outer / long_inner)
    weights = _weights_at(heart, (centre[:, None] + long_inner[:, None] * u)[..., None])
    inner = _with_first(endocardium(heart, weights, flat), share, long_inner, volume / _ML)
    u, share = _cut_ellipsoid(np.full_like(centre, BASE_FRACTION))
    weights = _weights_at(heart, (centre[:, None] + long_outer[:, None] * u)[..., None])
    outer = _with_first(epicardium(weights, flat), share, long_outer, (volume + heart.wall_volume) / _ML)

    rv_volume = heart.rvesv + (heart.rvedv - heart.rvesv) * filling
    rv_apex = np.full_like(centre, 0.90 * heart.length)
    depth = _rv_reach(heart, (tricuspid, rv_apex, centre, long_outer, outer, flattening), rv_volume / _ML)
    la = heart.la_max + (heart.la_min - heart.la_max) * filling
    ra = heart.ra_max + (heart.ra_min - heart.ra_max) * filling
    columns = (
        mitral, tricuspid, centre, long_inner, long_outer, inner, outer, flattening, depth, rv_apex,
        heart.rv_wall * (1 + 0.6 * contraction), _atrial_radius(la), _atrial_radius(ra),
        heart.cycle.valve_closure(moments), contraction,
    )  # fmt: skip
    return State(*(column[1:, None] for column in columns))


def _cut_ellipsoid(fraction: Floats) -> tuple[Floats, Floats]:
    """Gauss nodes u [T, U] from −fraction to 1, and their weights times (1 − u²)."""
    half = 0.5 * (1 + fraction)[:, None]
    u = half * (_NODES + 1) - fraction[:, None]
    return u, half * _WEIGHTS * (1 - u * u)


def _with_first(parts: tuple[Floats, Floats], share: Floats, scale: Floats, volume: Floats) -> Floats:
    """Semi-axes at all phases; the first phase is end diastole and anchors the regions that don't move."""
    at_rest = _semi_axis((parts[0][:1], parts[1][:1]), share[:1], scale[:1], volume[:1], None)
    rest = _semi_axis((parts[0][1:], parts[1][1:]), share[1:], scale[1:], volume[1:], first=float(at_rest[0]))
    return np.concatenate([at_rest, rest])


def _rv_reach(heart: HeartParameters, geometry: tuple[Floats, ...], volume: Floats) -> Floats:
    """Depth H [T] (mm) of the right ventricle that gives its volume (mm³)."""
    tricuspid, apex, centre, long_outer, outer, flattening = (part[:, None, None] for part in geometry)
    half = 0.5 * (apex - tricuspid)
    z = tricuspid + half * (_NODES[None, :, None] + 1)
    weights = _weights_at(heart, z)
    p, q = epicardium(weights, flattening)
    section = np.sqrt(np.clip(1 - ((z - centre) / long_outer) ** 2, 0, 1))
    radius = (p * outer + q * outer[0]) * section
    depth = rv_depth(weights, np.broadcast_to(z, p.shape), tricuspid, apex)
    area = half * _WEIGHTS[None, :, None] * _DPHI
    linear = (area * radius * depth).sum(axis=(1, 2))
    return _positive_root((0.5 * area * depth * depth).sum(axis=(1, 2)), linear, volume)


def _atrial_radius(volume: Floats) -> Floats:
    """Mean radius (mm) of the cut ellipsoid that has this volume (mL)."""
    x, y, z = ATRIAL_AXES
    f = ATRIAL_OFFSET
    return np.asarray(np.cbrt(volume / _ML / (np.pi * x * y * z * (2 / 3 + f - f**3 / 3))))
