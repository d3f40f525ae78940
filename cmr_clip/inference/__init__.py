"""Weights applied to a store: embeddings, zero-shot, tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preprocess.faces import face

if TYPE_CHECKING:
    from cmr_clip.inference.embed import embed_store as embed_store
    from cmr_clip.inference.zero_shot import ZeroShotResult as ZeroShotResult
    from cmr_clip.inference.zero_shot import score_findings as score_findings
    from cmr_clip.inference.zero_shot import score_studies as score_studies
    from cmr_clip.inference.zero_shot import study_means as study_means
else:
    __all__, __getattr__, __dir__ = face(
        __name__,
        embed="embed_store",
        zero_shot="ZeroShotResult score_findings score_studies study_means",
    )
