"""Predictions and attention as tables, keyed by study; metrics as JSON."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pandas as pd
import pytorch_lightning as pl

from cmr_clip.tasks.finetuning import StudyPredictions

__all__ = ["MetricsFile", "PredictionTables"]

_log = logging.getLogger(__name__)


class PredictionTables(pl.Callback):
    """Writes `predictions.csv` and `attention.csv` after `test` or `predict`.

    Args:
        folder: where to; the run's `default_root_dir` if None.
        model_name: value of the column `model`.
        prefix: start of the file names.
    """

    def __init__(self, folder: Path | None = None, model_name: str = "cmr-clip", prefix: str = "") -> None:
        self.folder = folder
        self.model_name = model_name
        self.prefix = prefix
        self._outputs: list[StudyPredictions] = []

    def on_test_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Keep a batch's predictions."""
        self._outputs.append(outputs)

    on_predict_batch_end = on_test_batch_end

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the tables."""
        if not self._outputs or not trainer.is_global_zero:
            return
        folder = Path(self.folder or trainer.default_root_dir)
        folder.mkdir(parents=True, exist_ok=True)
        self._write(folder / f"{self.prefix}predictions.csv", self._prediction_rows())
        self._write(folder / f"{self.prefix}attention.csv", self._attention_rows())
        self._outputs.clear()

    on_predict_end = on_test_end

    @staticmethod
    def _write(path: Path, rows: list[dict[str, Any]]) -> None:
        temporary = path.with_suffix(".tmp")
        pd.DataFrame(rows).to_csv(temporary, index=False)
        temporary.replace(path)
        _log.info("wrote %s", path)

    def _prediction_rows(self) -> list[dict[str, Any]]:
        return [
            {
                "study": study,
                "patient": output["batch"]["patient"][row],
                "target": target,
                "truth": float(output["batch"]["labels"][target][row]) if output["batch"]["labels"] else None,
                "score": float(scores[row]),
                "model": self.model_name,
            }
            for output in self._outputs
            for target, scores in output["scores"].items()
            for row, study in enumerate(output["batch"]["study"])
        ]

    def _attention_rows(self) -> list[dict[str, Any]]:
        return [
            {"study": study, "target": target, "view": view, "slice": index, "weight": float(weight)}
            for output in self._outputs
            for target, bags in output["attention"].items()
            for study, names, weights in zip(output["batch"]["study"], output["batch"]["clip_names"], bags, strict=True)
            for (view, index), weight in zip(names, weights, strict=True)
        ]


class MetricsFile(pl.Callback):
    """Writes the metrics of `test` to `<default_root_dir>/test_metrics.json`."""

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write what was logged."""
        if not trainer.is_global_zero:
            return
        path = Path(trainer.default_root_dir) / "test_metrics.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        metrics = {name: float(value) for name, value in sorted(trainer.callback_metrics.items())}
        path.write_text(json.dumps(metrics, indent=2) + "\n")
        _log.info("wrote %s", path)
