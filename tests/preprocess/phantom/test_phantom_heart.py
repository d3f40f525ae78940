"""The volumes that the pictures show are the volumes that the truth states."""

from __future__ import annotations

import numpy as np
import pytest

from preprocess.phantom import PHENOTYPES, Heart, Label, PhantomPatient, sample_patient
from preprocess.phantom.truth import Truth, wall_thickness

STEP = 1.8  # mm
NAMES = [kind.name for kind in PHENOTYPES]


def volumes(heart: Heart, phase: float) -> np.ndarray:
    """Volume of each label, mL, counted on a grid that is aligned with no surface."""
    axes = [np.arange(start, stop, STEP) for start, stop in ((-110.3, 58), (-74.6, 74), (-3.1, 124))]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    points += np.random.default_rng(0).uniform(-STEP / 2, STEP / 2, points.shape)
    labels = heart.labels(heart.pose.to_patient(points), phase)
    return np.bincount(labels, minlength=len(Label)) * STEP**3 / 1000


@pytest.mark.parametrize("name", NAMES)
def test_masks_give_the_true_volumes(name: str, patients: dict[str, PhantomPatient]) -> None:
    study = patients[name].studies[0]
    truth = Truth(patients[name], study).row()
    diastole = volumes(study.heart, 0.0)
    systole = volumes(study.heart, study.heart.parameters.cycle.end_systole)

    def ejection_fraction(label: Label) -> float:
        return 100 * (1 - systole[label] / diastole[label])

    assert diastole[Label.LV_CAVITY] == pytest.approx(truth["lvedv_ml"], rel=0.01)
    assert ejection_fraction(Label.LV_CAVITY) == pytest.approx(truth["lvef_percent"], abs=1)
    assert diastole[Label.RV_CAVITY] == pytest.approx(truth["rvedv_ml"], rel=0.02)
    assert ejection_fraction(Label.RV_CAVITY) == pytest.approx(truth["rvef_percent"], abs=2)
    # the myocardium neither grows nor shrinks
    mass = np.array([diastole[Label.LV_MYOCARDIUM], systole[Label.LV_MYOCARDIUM]]) * 1.05
    assert mass == pytest.approx(truth["lv_mass_g"], rel=0.02)


def test_walls_thicken_and_never_vanish() -> None:
    for index in range(40):
        heart = sample_patient(3, index).studies[0].heart
        thickest, thinnest = wall_thickness(heart, 0.0)
        systolic, systolic_thinnest = wall_thickness(heart, heart.parameters.cycle.end_systole)
        assert thinnest > 2.5
        assert systolic_thinnest > 2.5
        assert systolic > thickest


def test_frame_zero_is_end_diastole(patients: dict[str, PhantomPatient]) -> None:
    cycle = patients["normal"].studies[0].heart.parameters.cycle
    filling = cycle.filling(np.linspace(0, 1, 401))
    assert filling[0] == filling[-1] == 1
    assert filling.min() == pytest.approx(0, abs=1e-3)
    assert np.argmin(filling) / 400 == pytest.approx(cycle.end_systole, abs=0.02)
    systole = np.linspace(0, cycle.end_systole, 50)
    assert (np.diff(cycle.filling(systole)) <= 0).all()
    assert (np.diff(cycle.filling(np.linspace(cycle.end_systole, 1, 50))) >= -1e-9).all()


def test_chambers_lie_where_anatomy_has_them(patients: dict[str, PhantomPatient]) -> None:
    """Patient coordinates: x left, y back, z up."""
    heart = patients["normal"].studies[0].heart
    points = heart.pose.origin + np.stack(
        np.meshgrid(*[np.arange(-100, 101, 4.0)] * 3, indexing="ij"), axis=-1
    ).reshape(-1, 3)
    labels = heart.labels(points, 0.0)
    middle = {label: points[labels == label].mean(axis=0) for label in Label if (labels == label).any()}
    assert middle[Label.RV_CAVITY][0] < middle[Label.LV_CAVITY][0]  # right of
    assert middle[Label.RV_CAVITY][1] < middle[Label.LV_CAVITY][1]  # in front of
    assert middle[Label.LA][1] > middle[Label.LV_CAVITY][1]  # behind
    assert middle[Label.RA][0] < middle[Label.LA][0]
    assert middle[Label.AORTA][2] > middle[Label.LV_CAVITY][2]  # above
    apex = heart.pose.to_patient(np.array([[0, 0, heart.parameters.length]]))[0] - heart.pose.origin
    assert apex[0] > 0
    assert apex[1] < 0
    assert apex[2] < 0
