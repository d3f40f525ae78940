"""What `cmr-clip check` looks at before a job waits in a queue for nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preprocess.faces import face

if TYPE_CHECKING:
    from cmr_clip.preflight.checklist import check_run as check_run
    from cmr_clip.preflight.findings import Finding as Finding
    from cmr_clip.preflight.findings import Findings as Findings
else:
    __all__, __getattr__, __dir__ = face(
        __name__,
        checklist="check_run",
        findings="Finding Findings",
    )
