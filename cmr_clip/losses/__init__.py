"""Losses as functions of tensors: no gathering, no state."""

from cmr_clip.losses.flooding import flood
from cmr_clip.losses.info_nce import info_nce
from cmr_clip.losses.objectives import ContrastiveObjective, InfoNCE, SigLIP

__all__ = ["ContrastiveObjective", "InfoNCE", "SigLIP", "flood", "info_nce"]
