"""The course of training as one CSV, also across interruptions."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytorch_lightning as pl

from preprocess.files import write_text

__all__ = ["HistoryFile"]


class HistoryFile(pl.Callback):
    """Writes `<default_root_dir>/metrics.csv`: a row per epoch, validation columns empty where none was run."""

    def __init__(self) -> None:
        self._rows: list[dict[str, float]] = []
        self._validated = False

    @staticmethod
    def _path(trainer: pl.Trainer) -> Path:
        return Path(trainer.default_root_dir) / "metrics.csv"

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Keep what an interrupted run wrote, up to the epoch that comes next; a new run starts anew."""
        path = self._path(trainer)
        if trainer.is_global_zero and trainer.current_epoch and path.exists():
            earlier = pd.read_csv(path)
            self._rows = earlier[earlier["epoch"] < trainer.current_epoch].to_dict("records")

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Remember that this epoch has validation metrics."""
        self._validated = True

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Add a row; write it out after validations."""
        metrics = {
            name: float(value)
            for name, value in trainer.callback_metrics.items()
            if self._validated or not name.startswith("val/")
        }
        self._rows.append({"epoch": trainer.current_epoch, "step": trainer.global_step, **metrics})
        if self._validated:
            self._write(trainer)
        self._validated = False

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write what is left."""
        self._write(trainer)

    def _write(self, trainer: pl.Trainer) -> None:
        if not trainer.is_global_zero:
            return
        write_text(self._path(trainer), pd.DataFrame(self._rows).to_csv(index=False))
