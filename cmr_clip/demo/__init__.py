"""The whole pipeline on a simulated cohort, one public command after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preprocess.faces import face

if TYPE_CHECKING:
    from cmr_clip.demo.pipeline import DemoResult as DemoResult
    from cmr_clip.demo.pipeline import run_demo as run_demo
    from cmr_clip.demo.plan import DemoPlan as DemoPlan
else:
    __all__, __getattr__, __dir__ = face(
        __name__,
        pipeline="DemoResult run_demo",
        plan="DemoPlan",
    )
