"""What is true of a simulated study: the numbers that pictures and reports were made from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from preprocess.phantom.anatomy.heart import Heart, Label
from preprocess.phantom.anatomy.parameters import HeartParameters
from preprocess.phantom.anatomy.shape import BASE_FRACTION, angular, endocardium, epicardium
from preprocess.phantom.patients import PhantomPatient, PhantomStudy
from preprocess.phantom.scanner.headers import Headers
from preprocess.phantom.scanner.protocol_plan import plan_series

__all__ = ["Truth", "series_rows", "wall_thickness"]

_ATRIAL_GRID = 4.0  # mm


def wall_thickness(heart: Heart, phase: float) -> tuple[float, float]:
    """Largest and smallest thickness of the left ventricle between base and apical third, mm."""
    at_rest, state = heart.state(np.zeros(1)), heart.state(np.array([phase]))
    phi = np.linspace(0, 2 * np.pi, 181)[None, :]
    u = np.linspace(-0.8 * BASE_FRACTION, 0.6, 33)[:, None]
    z = np.broadcast_to(state.centre + state.long_outer * u, (33, 181))
    weights = angular(heart.parameters, np.broadcast_to(np.cos(phi), z.shape), np.broadcast_to(np.sin(phi), z.shape), z)
    p, q = endocardium(heart.parameters, weights, state.flattening)
    inner = (p * state.inner + q * at_rest.inner) * np.sqrt(1 - ((z - state.centre) / state.long_inner) ** 2)
    p, q = epicardium(weights, state.flattening)
    outer = (p * state.outer + q * at_rest.outer) * np.sqrt(1 - u * u)
    return float((outer - inner).max()), float((outer - inner).min())


@dataclass(frozen=True)
class Truth:
    """The truth of one study."""

    patient: PhantomPatient
    study: PhantomStudy

    @property
    def heart(self) -> HeartParameters:
        """The parameters of the heart."""
        return self.study.heart.parameters

    @cached_property
    def max_wall(self) -> float:
        """Largest end-diastolic wall thickness, mm."""
        return wall_thickness(self.study.heart, 0.0)[0]

    @cached_property
    def atria(self) -> tuple[float, float]:
        """Largest left- and right-atrial volume, mL, counted on a 4 mm grid at end systole."""
        heart, step = self.study.heart, _ATRIAL_GRID
        axes = (np.arange(-120, 60, step), np.arange(-80, 70, step), np.arange(-110, 40, step))
        points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
        labels = heart.labels(heart.pose.to_patient(points), heart.parameters.cycle.end_systole)
        voxel = step**3 / 1000
        return float((labels == Label.LA).sum() * voxel), float((labels == Label.RA).sum() * voxel)

    @property
    def area(self) -> float:
        """Body surface area, m²."""
        return self.patient.body_surface_area

    def row(self) -> dict[str, str | int | float]:
        """The row of `truth.csv`."""
        patient, study, heart = self.patient, self.study, self.heart
        return {
            "patient_id": patient.patient_id,
            "accession": study.accession,
            "phenotype": patient.phenotype.name,
            "vendor": patient.vendor.key,
            "sex": patient.sex,
            "age": study.age,
            "height_cm": round(patient.height, 1),
            "weight_kg": round(patient.weight, 1),
            "bsa_m2": round(self.area, 3),
            "heart_rate_bpm": study.heart_rate,
            "lvedv_ml": round(heart.lvedv, 2),
            "lvesv_ml": round(heart.lvesv, 2),
            "lvef_percent": round(heart.lvef, 2),
            "rvedv_ml": round(heart.rvedv, 2),
            "rvesv_ml": round(heart.rvesv, 2),
            "rvef_percent": round(heart.rvef, 2),
            "lv_mass_g": round(heart.mass, 2),
            "max_wall_thickness_mm": round(self.max_wall, 2),
            "rv_wall_thickness_mm": round(heart.rv_wall, 2),
            "la_volume_ml": round(self.atria[0], 1),
            "ra_volume_ml": round(self.atria[1], 1),
            "mapse_mm": round(heart.mapse, 2),
            "tapse_mm": round(heart.tapse, 2),
            "effusion_mm": round(heart.effusion, 2),
            "septal_flattening": round(heart.flattening_es, 3),
            "infarct_territory": heart.infarct.territory.value if heart.infarct else "",
            "end_systolic_phase": round(heart.cycle.end_systole, 4),
            "visit": study.seed[2] + 1,
        }


def series_rows(patient: PhantomPatient, study: PhantomStudy) -> list[dict[str, str | int | float]]:
    """The rows of `truth_series.csv`: each series with its view, which is empty for a decoy."""
    return [
        {
            "patient_id": patient.patient_id,
            "accession": study.accession,
            "series_instance_uid": Headers(patient, study, plan).series_uid,
            "series_description": plan.description,
            "view": "" if plan.view is None else plan.view.value,
            "n_slices": len(plan.planes),
            "n_frames": len(plan.phases),
        }
        for plan in plan_series(patient, study)
    ]
