"""One LightningModule per objective, and what they are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preprocess.faces import face

if TYPE_CHECKING:
    from cmr_clip.tasks.contrastive import ContrastivePretraining as ContrastivePretraining
    from cmr_clip.tasks.finetuning import Freeze as Freeze
    from cmr_clip.tasks.finetuning import StudyFinetuning as StudyFinetuning
    from cmr_clip.tasks.pair_loss import Negatives as Negatives
    from cmr_clip.tasks.schedules import WarmupCosineLR as WarmupCosineLR
    from cmr_clip.tasks.study_predictions import StudyPredictions as StudyPredictions
    from cmr_clip.tasks.video_task import VideoTask as VideoTask
else:
    __all__, __getattr__, __dir__ = face(
        __name__,
        video_task="VideoTask",
        contrastive="ContrastivePretraining",
        finetuning="Freeze StudyFinetuning",
        pair_loss="Negatives",
        schedules="WarmupCosineLR",
        study_predictions="StudyPredictions",
    )
