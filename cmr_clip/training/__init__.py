"""LightningCLI as this project uses it: callbacks, checkpoints, stops."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preprocess.faces import face

if TYPE_CHECKING:
    from cmr_clip.training.checkpoint_io import AtomicCheckpointIO as AtomicCheckpointIO
    from cmr_clip.training.cli import CmrClipCLI as CmrClipCLI
    from cmr_clip.training.cli import parse_only as parse_only
    from cmr_clip.training.cli import run_training as run_training
else:
    __all__, __getattr__, __dir__ = face(
        __name__,
        checkpoint_io="AtomicCheckpointIO",
        cli="CmrClipCLI parse_only run_training",
    )
