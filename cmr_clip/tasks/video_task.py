"""What both tasks share: optimiser, safe loading, and a checkpoint that describes its model."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, cast

import pytorch_lightning as pl
import torch
from pytorch_lightning.cli import LRSchedulerCallable, OptimizerCallable
from pytorch_lightning.utilities.types import OptimizerLRScheduler

from cmr_clip.clips.spec import ClipSpec
from cmr_clip.data.store_module import StoreDataModule
from cmr_clip.encoders.registry import describe, require_loadable
from cmr_clip.errors import CheckpointMismatchError, CmrClipError
from cmr_clip.models.towers import VideoTower
from cmr_clip.weights.receipt import require_match

__all__ = ["VideoTask"]


class VideoTask(pl.LightningModule):
    """A task around a video tower.

    Args:
        model: holds every weight the task has of its encoders.
        optimizer: made from the trainable parameters.
        lr_scheduler: stepped once per epoch.
        compile_encoder: compile the video encoder with `torch.compile`.
    """

    def __init__(
        self,
        model: VideoTower,
        optimizer: OptimizerCallable,
        lr_scheduler: LRSchedulerCallable | None,
        compile_encoder: bool = False,
    ) -> None:
        super().__init__()
        self.model = model
        self._make_optimizer = optimizer
        self._make_scheduler = lr_scheduler
        self._compile_encoder = compile_encoder
        self._clip_spec: ClipSpec | None = None
        self._views: list[str] | None = None

    def setup(self, stage: str) -> None:
        """Check that checkpoints will load again, and that the data module makes clips as the encoder takes them.

        Raises:
            CmrClipError: the encoder's kind is not registered, or it takes other clips.
        """
        require_loadable(self.model.video_encoder)
        data = cast(StoreDataModule, cast(Any, self.trainer).datamodule)
        self._clip_spec, self._views = data.clip, data.views
        made = (data.clip.n_frames, data.clip.size, data.clip.size)
        wanted = tuple(self.model.video_encoder.clip_shape)
        if made != wanted:
            raise CmrClipError(
                f"data.init_args.clip makes clips of {made}, the encoder takes {wanted} (frames, rows, columns)",
                f"set n_frames: {wanted[0]} and size: {wanted[1]}",
            )
        if self._compile_encoder:
            self.model.video_encoder.compile()  # in place: parameter names stay

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """The optimiser over every parameter that trains, and its schedule."""
        optimizer = self._make_optimizer(p for p in self.parameters() if p.requires_grad)
        self.shape_optimizer(optimizer)
        if self._make_scheduler is None:
            return optimizer
        return {"optimizer": optimizer, "lr_scheduler": self._make_scheduler(optimizer)}

    def shape_optimizer(self, optimizer: torch.optim.Optimizer) -> None:
        """Change the new optimiser before a schedule sees it; nothing by default."""

    def on_validation_epoch_start(self) -> None:
        """Forget the last validation's metrics: one that is not defined this time must not keep its old value."""
        known = self.trainer.callback_metrics
        for name in [name for name in known if name.startswith("val/")]:
            del known[name]

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Describe the encoder and its input in plain values, so that a stranger can rebuild and feed it."""
        spec = {} if self._clip_spec is None else asdict(self._clip_spec)
        checkpoint["cmr_clip"] = {
            "task": type(self).__name__,
            "video_encoder": describe(self.model.video_encoder),
            "embed_dim": self.model.video_proj.out_features,
            "preprocessing": spec,
            "views": self._views,
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse a checkpoint of another model in one sentence.

        Raises:
            CheckpointMismatchError: the kind of the encoder, names or shapes differ.
        """
        said = (checkpoint.get("cmr_clip") or {}).get("video_encoder") or {}
        kind = type(self.model.video_encoder).__name__
        if said.get("kind", kind) != kind:
            raise CheckpointMismatchError(
                f"the checkpoint's video encoder is of kind {said['kind']}, the model's of kind {kind}",
                "use the configuration it was trained with",
            )
        state: dict[str, torch.Tensor] = checkpoint["state_dict"]
        require_match(state, self.state_dict(), "the checkpoint")
