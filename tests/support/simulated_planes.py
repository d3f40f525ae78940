"""Studies of the phantom as the conversion sees them, from headers alone: nothing is rendered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from preprocess.cines.series import MIN_PHASES, Series, acquisitions, split_series
from preprocess.dicom.frame import Frame
from preprocess.dicom.reading import read_images
from preprocess.phantom.patients import PhantomPatient, PhantomStudy, sample_patient
from preprocess.phantom.scanner.positioning import Plane
from preprocess.phantom.scanner.protocol_plan import SeriesPlan, plan_series
from tests.support.factories import SeriesSpec, dataset, encode

__all__ = ["blank_study", "is_cine", "series_of", "the_patients"]


def the_patients(count: int, seed: int = 0) -> list[PhantomPatient]:
    return [sample_patient(seed, index) for index in range(count)]


def blank_study(patient: PhantomPatient) -> list[tuple[SeriesPlan, list[Series]]]:
    """Every series of a patient's first study without its name and sequence."""
    study = patient.studies[0]
    return [(plan, series_of(plan, study, str(number))) for number, plan in enumerate(plan_series(patient, study))]


def series_of(plan: SeriesPlan, study: PhantomStudy, uid: str, description: str = "") -> list[Series]:
    beat = 60000.0 / study.heart_rate
    return split_series(
        [
            _image(plane, uid, description, place * len(plan.phases) + frame, plan, float(phase) * beat)
            for place, plane in enumerate(plan.planes)
            for frame, phase in enumerate(plan.phases)
        ]
    )


def _image(plane: Plane, uid: str, description: str, number: int, plan: SeriesPlan, time: float) -> Frame:
    grid = plane.grid
    return replace(
        _template(),
        series_uid=uid,
        instance_uid=f"{uid}.{number}",
        description=description,
        instance_number=number,
        temporal_index=0 if plan.gated else number % len(plan.phases) + 1,
        trigger_time=time if plan.gated else float("nan"),
        phases=len(plan.phases) if plan.gated else 0,
        rows=grid.rows,
        cols=grid.columns,
        spacing=(grid.spacing, grid.spacing),
        thickness=grid.thickness,
        orientation=tuple(float(value) for value in (*plane.row, *plane.column)),
        position=tuple(float(value) for value in plane.position),
    )


@cache
def _template() -> Frame:
    return read_images(encode(dataset(SeriesSpec(), 0, 0)))[0]


def is_cine(series: Sequence[Series]) -> list[bool]:
    return [any(len(one.images) >= MIN_PHASES for one in acquisitions(each)) for each in series]
