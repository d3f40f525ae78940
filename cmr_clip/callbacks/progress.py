"""The progress bar of training."""

from __future__ import annotations

import pytorch_lightning as pl
from pytorch_lightning.callbacks import RichProgressBar

__all__ = ["TrainingProgress"]


class TrainingProgress(RichProgressBar):
    """Lightning's bar without the logger's version, which says nothing here: a run has one folder."""

    def get_metrics(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule
    ) -> dict[str, int | str | float | dict[str, float]]:
        """What stands beside the bar."""
        return {name: value for name, value in super().get_metrics(trainer, pl_module).items() if name != "v_num"}
