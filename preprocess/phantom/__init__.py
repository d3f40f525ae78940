"""A beating-heart phantom: simulated cardiac MRI with known volumes, as DICOM studies with reports.

The parts, from the inside out: `phenotypes` and `parameters` say what a heart is like, `shape` and `solver`
give its surfaces at any phase, `heart` answers what lies at a point, `render` draws slices of it, `series`,
`headers` and `study` make DICOM archives, `report` words what is true, `cohort` does it for many patients.
"""

from preprocess.phantom.anatomy.heart import Heart, Label
from preprocess.phantom.anatomy.phenotypes import PHENOTYPES, Phenotype
from preprocess.phantom.cohort import CohortSummary, simulate_cohort
from preprocess.phantom.patients import PhantomPatient, PhantomStudy, sample_patient
from preprocess.phantom.reporting.report import write_report
from preprocess.phantom.scanner.render import Scene
from preprocess.phantom.scanner.series import SeriesPlan, plan_series
from preprocess.phantom.scanner.study import write_study
from preprocess.phantom.truth import Truth

__all__ = [
    "PHENOTYPES",
    "CohortSummary",
    "Heart",
    "Label",
    "PhantomPatient",
    "PhantomStudy",
    "Phenotype",
    "Scene",
    "SeriesPlan",
    "Truth",
    "plan_series",
    "sample_patient",
    "simulate_cohort",
    "write_report",
    "write_study",
]
