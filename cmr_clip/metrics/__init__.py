"""Metrics over whole epochs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preprocess.faces import face

if TYPE_CHECKING:
    from cmr_clip.metrics.retrieval import retrieval_metrics as retrieval_metrics
    from cmr_clip.metrics.zero_shot import prompt_direction as prompt_direction
    from cmr_clip.metrics.zero_shot import zero_shot_aurocs as zero_shot_aurocs
else:
    __all__, __getattr__, __dir__ = face(
        __name__,
        retrieval="retrieval_metrics",
        zero_shot="prompt_direction zero_shot_aurocs",
    )
