"""The progress of training: a bar on a terminal, a line now and then in a log file."""

from __future__ import annotations

import sys
import time

import pytorch_lightning as pl
from pytorch_lightning.callbacks import RichProgressBar

from preprocess.commands.console import console

__all__ = ["ProgressLines", "TrainingProgress", "progress_callback"]

_LINES = 20


class TrainingProgress(RichProgressBar):
    """Lightning's bar without the logger's version, which says nothing here: a run has one folder."""

    def get_metrics(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule
    ) -> dict[str, int | str | float | dict[str, float]]:
        """What stands beside the bar."""
        return {name: value for name, value in super().get_metrics(trainer, pl_module).items() if name != "v_num"}


class ProgressLines(pl.Callback):
    """Says about twenty times a run how far it is and how long it will take: for batch jobs and log files."""

    def __init__(self) -> None:
        self._start = 0.0
        self._first = 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Remember when and where the run started."""
        self._start, self._first = time.monotonic(), trainer.current_epoch

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Say it, if it is time to."""
        total, done = trainer.max_epochs or 0, trainer.current_epoch + 1
        if not trainer.is_global_zero or (done % max(1, total // _LINES) and done != total):
            return
        spent = time.monotonic() - self._start
        left = spent / (done - self._first) * (total - done)
        metrics = [f"{name} {float(value):.3f}" for name, value in sorted(trainer.progress_bar_metrics.items())]
        console().print(f"epoch {done}/{total}  {spent:.0f} s spent, about {left:.0f} s left  {'  '.join(metrics)}")


def progress_callback() -> pl.Callback:
    """A bar where a person is watching, lines elsewhere."""
    return TrainingProgress() if sys.stdout.isatty() else ProgressLines()
