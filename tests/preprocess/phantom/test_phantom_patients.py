"""The cohort: balanced, varied, and each patient independent of the others."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pytest

from preprocess.phantom import PHENOTYPES, PhantomPatient, sample_patient
from preprocess.phantom.truth import Truth

N_PATIENTS = 96


@pytest.fixture(scope="module")
def many() -> list[PhantomPatient]:
    return [sample_patient(7, index) for index in range(N_PATIENTS)]


def test_every_phenotype_and_vendor_occurs_often(many: list[PhantomPatient]) -> None:
    kinds = Counter(patient.phenotype.name for patient in many)
    assert set(kinds) == {kind.name for kind in PHENOTYPES}
    assert min(kinds.values()) >= 9
    assert min(Counter(patient.phenotype.name for patient in many[:24]).values()) >= 2
    assert set(Counter(patient.vendor.key for patient in many).values()) == {N_PATIENTS // 3}


def test_ejection_fractions_vary(many: list[PhantomPatient]) -> None:
    fractions = [patient.studies[0].heart.parameters.lvef for patient in many]
    assert np.std(fractions) >= 12


def test_parameters_stay_within_the_ranges_of_the_phenotype(many: list[PhantomPatient]) -> None:
    for patient in many:
        heart, kind = patient.studies[0].heart.parameters, patient.phenotype
        area = patient.body_surface_area
        measured = {
            "lvef": heart.lvef,
            "rvef": heart.rvef,
            "edv_index": heart.lvedv / area,
            "mass_index": heart.mass / area,
            "rv_edv_index": heart.rvedv / area,
        }
        for name, value in measured.items():
            low, high = getattr(kind, name)
            assert low - 1e-6 <= value <= high + 1e-6, (kind.name, name)


def test_phenotypes_differ_as_expected(many: list[PhantomPatient]) -> None:
    rows = defaultdict(list)
    for patient in many[:20]:
        rows[patient.phenotype.name].append(Truth(patient, patient.studies[0]).row())

    def mean(kind: str, column: str) -> float:
        return float(np.mean([float(row[column]) for row in rows[kind]]))

    for kind, column, sign in (
        ("dilated", "lvef_percent", -1),
        ("dilated", "lvedv_ml", 1),
        ("hypertrophic", "lvef_percent", 1),
        ("hypertrophic", "max_wall_thickness_mm", 1),
        ("amyloid", "lv_mass_g", 1),
        ("amyloid", "mapse_mm", -1),
        ("lv_hypertrophy", "max_wall_thickness_mm", 1),
        ("ischaemic", "lvef_percent", -1),
        ("rv_dilation", "rvedv_ml", 1),
        ("pulmonary_hypertension", "septal_flattening", 1),
        ("pulmonary_hypertension", "rvef_percent", -1),
        ("la_dilation", "la_volume_ml", 1),
        ("pericardial_effusion", "effusion_mm", 1),
    ):
        assert sign * mean(kind, column) > sign * mean("normal", column), (kind, column)


def test_follow_up_is_the_same_heart_a_little_later(many: list[PhantomPatient]) -> None:
    again = [patient for patient in many if len(patient.studies) == 2]
    assert 3 <= len(again) <= 16
    for patient in again:
        first, second = patient.studies
        assert second.day > first.day
        assert second.accession != first.accession
        assert second.heart.parameters.lvef == pytest.approx(first.heart.parameters.lvef, abs=10)
        assert second.heart.parameters.wall_volume == first.heart.parameters.wall_volume


def test_identifiers_are_unique(many: list[PhantomPatient]) -> None:
    assert len({patient.patient_id for patient in many}) == N_PATIENTS
    studies = [study for patient in many for study in patient.studies]
    assert len({study.accession for study in studies}) == len(studies)
    assert all(18 <= study.age < 100 for study in studies)
