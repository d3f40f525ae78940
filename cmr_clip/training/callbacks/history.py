"""The course of training as one CSV, also across interruptions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytorch_lightning as pl

from preprocess.system.files import write_text

__all__ = ["HistoryFile"]


class HistoryFile(pl.Callback):
    """Writes `<default_root_dir>/metrics.csv`: a row per epoch, validation columns empty where none was run."""

    def __init__(self) -> None:
        self._rows: list[dict[str, float]] = []
        self._validated = False

    @staticmethod
    def _path(trainer: pl.Trainer) -> Path:
        return Path(trainer.default_root_dir) / "metrics.csv"

    def state_dict(self) -> dict[str, Any]:
        """The rows: they go where the checkpoint goes."""
        return {"rows": self._rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take them back; nothing but numbers."""
        self._rows = list(state_dict["rows"])

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Keep what an interrupted run wrote, up to the epoch that comes next; a new run starts anew.

        The file may know an epoch that the checkpoint does not, which was saved before the end of it, and the other
        way round, since the file is not written in each epoch.
        """
        path = self._path(trainer)
        rows = {row["epoch"]: row for row in self._rows}
        if trainer.is_global_zero and trainer.current_epoch and path.exists():
            rows |= {row["epoch"]: row for row in pd.read_csv(path).to_dict("records")}
        self._rows = [rows[epoch] for epoch in sorted(rows) if epoch < trainer.current_epoch]

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
