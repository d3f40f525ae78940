"""Losses as functions of tensors: no gathering, no state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preprocess.faces import face

if TYPE_CHECKING:
    from cmr_clip.losses.flooding import flood as flood
    from cmr_clip.losses.info_nce import contrastive_loss as contrastive_loss
    from cmr_clip.losses.objectives import ContrastiveObjective as ContrastiveObjective
    from cmr_clip.losses.objectives import InfoNCE as InfoNCE
    from cmr_clip.losses.objectives import SigLIP as SigLIP
    from cmr_clip.losses.siglip import siglip_loss as siglip_loss
else:
    __all__, __getattr__, __dir__ = face(
        __name__,
        flooding="flood",
        info_nce="contrastive_loss",
        objectives="ContrastiveObjective InfoNCE SigLIP",
        siglip="siglip_loss",
    )
