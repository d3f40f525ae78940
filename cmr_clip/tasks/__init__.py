"""One LightningModule per objective, and what they are made of."""

from cmr_clip.tasks.contrastive import ContrastivePretraining
from cmr_clip.tasks.finetuning import StudyFinetuning
from cmr_clip.tasks.schedules import WarmupCosineLR

__all__ = ["ContrastivePretraining", "StudyFinetuning", "WarmupCosineLR"]
