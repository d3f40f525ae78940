"""Which series a study holds: the cine views and the decoys around them, planned without drawing anything."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from preprocess.phantom.anatomy.arrays import Floats
from preprocess.phantom.anatomy.contrast import (
    CINE_CONTRAST,
    LATE_ENHANCEMENT,
    PHASE,
    SCOUT,
    Contrast,
    molli,
    perfusion,
)
from preprocess.phantom.patients import PhantomPatient, PhantomStudy
from preprocess.phantom.scanner.positioning import (
    Plane,
    ScanGrid,
    long_axis_plane,
    orthogonal_planes,
    right_ventricular_plane,
    short_axis_stack,
)
from preprocess.phantom.scanner.vendors import Decoy
from preprocess.store.views import View

__all__ = ["SeriesPlan", "Technique", "plan_series"]

_DIASTASIS = 0.75  # phase at which still pictures are taken
_COARSE = 0.8  # decoys are coarser than the cines: share of the matrix
_PERFUSION_BEATS = 10
_MOLLI_IMAGES = 8
_FLOW_FRAMES = 12


@dataclass(frozen=True)
class Technique:
    """The acquisition as DICOM names it; TR and TE in ms, the flip angle in degrees."""

    sequence: str
    variant: str
    name: str
    repetition: str
    echo: str
    flip: str


_BSSFP = Technique("GR", "SK", "*tfi2d1_12", "38.5", "1.25", "58")
_INVERSION = Technique("GR\\IR", "SP\\MP", "*tfl2d1", "700", "1.6", "25")
_PHASE_CONTRAST = Technique("GR", "SP", "*fl2d1_v250in", "46", "2.4", "20")


@dataclass(frozen=True)
class SeriesPlan:
    """A series: the same frames at every slice.

    Attributes:
        number: SeriesNumber.
        description: SeriesDescription.
        view: The cine view, or None for a decoy.
        planes: Slices in the order of acquisition.
        phases: Phase of the heart at each frame, 0–1, [T].
        contrasts: One for all frames, or one for each.
        gated: Whether the frames are spread over one beat and carry a TriggerTime.
        technique: Acquisition parameters.
    """

    number: int
    description: str
    view: View | None
    planes: tuple[Plane, ...]
    phases: Floats
    contrasts: tuple[Contrast, ...]
    gated: bool
    technique: Technique


def plan_series(patient: PhantomPatient, study: PhantomStudy) -> tuple[SeriesPlan, ...]:
    """The series of a study in the order of acquisition, numbered as the scanner would."""
    rng = study.rng(1)
    style, names = patient.vendor, patient.scheme.views
    pose, length = study.heart.pose, study.heart.parameters.length
    grid = ScanGrid(style.rows, style.columns, round(float(rng.uniform(*style.spacing)), 4), style.thickness)
    # Three long axes and the short-axis stack, as one series or as one per slice.
    slices: list[tuple[str, View, tuple[Plane, ...]]] = [
        (names[view], view, (long_axis_plane(view, pose, length, grid, rng),))
        for view in (View.CH2, View.CH4, View.CH3)
    ]
    stack = short_axis_stack(pose, length, grid, rng)
    if patient.scheme.one_series_per_slice:
        slices += [(names[View.SAX].format(index + 1), View.SAX, (plane,)) for index, plane in enumerate(stack)]
    else:
        slices.append((names[View.SAX], View.SAX, stack))
    phases = np.arange(style.n_frames) / style.n_frames
    cines = [SeriesPlan(0, *planned, phases, (CINE_CONTRAST,), True, _BSSFP) for planned in slices]
    # The scout, and two to four of the other decoys.
    kinds = [kind for kind in Decoy if kind is not Decoy.SCOUT]
    chosen = rng.permutation(len(kinds))[: int(rng.integers(2, 5))]
    scout = _decoy(Decoy.SCOUT, patient, study, grid, rng)
    others = [_decoy(kinds[int(index)], patient, study, grid, rng) for index in chosen]
    order = [scout, *cines[:3], *others[:1], *cines[3:], *others[1:]]
    step = {"ge": 1, "siemens": 1, "philips": 100}[style.key]
    return tuple(replace(plan, number=(index + 1) * step + (step > 1)) for index, plan in enumerate(order))


def _decoy(
    kind: Decoy, patient: PhantomPatient, study: PhantomStudy, grid: ScanGrid, rng: np.random.Generator
) -> SeriesPlan:
    """A series that is no left-ventricular cine."""
    pose, length = study.heart.pose, study.heart.parameters.length
    names = patient.scheme.decoys[kind]
    name = names[int(rng.integers(len(names)))]
    coarse = ScanGrid(
        int(grid.rows * _COARSE) // 8 * 8, int(grid.columns * _COARSE) // 8 * 8, grid.spacing / _COARSE, 8.0
    )
    still = np.array([_DIASTASIS])
    stack = short_axis_stack(pose, length, coarse, rng)

    def plan(
        planes: tuple[Plane, ...], phases: Floats, contrasts: tuple[Contrast, ...], gated: bool, how: Technique
    ) -> SeriesPlan:
        return SeriesPlan(0, name, None, planes, phases, contrasts, gated, how)

    match kind:
        case Decoy.SCOUT:
            wide = replace(coarse, spacing=1.5 * coarse.spacing)
            return plan(orthogonal_planes(pose, wide), still, (SCOUT,), False, _BSSFP)
        case Decoy.LATE_ENHANCEMENT:
            return plan(stack, still, (LATE_ENHANCEMENT,), False, _INVERSION)
        case Decoy.RV_CINE:
            n_frames = patient.vendor.n_frames
            plane = right_ventricular_plane(pose, length, grid, rng)
            return plan((plane,), np.arange(n_frames) / n_frames, (CINE_CONTRAST,), True, _BSSFP)
        case Decoy.PERFUSION:
            beats = tuple(perfusion(beat / _PERFUSION_BEATS) for beat in range(_PERFUSION_BEATS))
            return plan(stack[1:6:2], np.full(len(beats), 0.5), beats, False, _INVERSION)
        case Decoy.T1_MAP:
            images = tuple(molli((image + 0.5) / _MOLLI_IMAGES) for image in range(_MOLLI_IMAGES))
            return plan((stack[3],), np.full(len(images), _DIASTASIS), images, False, _INVERSION)
        case Decoy.FLOW:
            return plan(
                orthogonal_planes(pose, coarse)[:1],
                np.arange(_FLOW_FRAMES) / _FLOW_FRAMES,
                (PHASE,),
                True,
                _PHASE_CONTRAST,
            )
