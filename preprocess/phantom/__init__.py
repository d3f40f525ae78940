"""A beating-heart phantom: simulated cardiac MRI with known volumes, as DICOM studies with reports.

The parts, from the inside out: in `anatomy`, `phenotypes` and `parameters` say what a heart is like, `shape` and
`solver` give its surfaces at any phase, and `heart` answers what lies at a point. In `scanner`, `render` draws slices
of it, and `protocol_plan`, `headers` and `examination` make DICOM archives. `reporting` words what is true (`truth`),
and `cohort` does it for many patients.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from preprocess.faces import face

if TYPE_CHECKING:
    from preprocess.phantom.anatomy.heart import Heart as Heart
    from preprocess.phantom.anatomy.heart import Label as Label
    from preprocess.phantom.anatomy.phenotypes import PHENOTYPES as PHENOTYPES
    from preprocess.phantom.anatomy.phenotypes import Phenotype as Phenotype
    from preprocess.phantom.cohort import CohortSummary as CohortSummary
    from preprocess.phantom.cohort import simulate_cohort as simulate_cohort
    from preprocess.phantom.patients import PhantomPatient as PhantomPatient
    from preprocess.phantom.patients import PhantomStudy as PhantomStudy
    from preprocess.phantom.patients import sample_patient as sample_patient
    from preprocess.phantom.reporting.wording import write_report as write_report
    from preprocess.phantom.scanner.examination import write_examination as write_examination
    from preprocess.phantom.scanner.protocol_plan import SeriesPlan as SeriesPlan
    from preprocess.phantom.scanner.protocol_plan import plan_series as plan_series
    from preprocess.phantom.scanner.render import Scene as Scene
    from preprocess.phantom.truth import Truth as Truth
else:
    __all__, __getattr__, __dir__ = face(
        __name__,
        anatomy__heart="Heart Label",
        anatomy__phenotypes="PHENOTYPES Phenotype",
        cohort="CohortSummary simulate_cohort",
        patients="PhantomPatient PhantomStudy sample_patient",
        reporting__wording="write_report",
        scanner__render="Scene",
        scanner__protocol_plan="SeriesPlan plan_series",
        scanner__examination="write_examination",
        truth="Truth",
    )
