"""From the study store to batches: workers hand over uint8 clips, the device does the rest."""

from cmr_clip.data.bag_module import StudyBagDataModule
from cmr_clip.data.contrastive_module import ContrastiveDataModule

__all__ = ["ContrastiveDataModule", "StudyBagDataModule"]
