"""Predictions and attention as tables, keyed by study; metrics as JSON."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pandas as pd
import pytorch_lightning as pl

from cmr_clip.tasks.study_predictions import StudyPredictions
from preprocess.system.files import write_text

__all__ = ["MetricsFile", "PredictionTables"]

_log = logging.getLogger(__name__)


class PredictionTables(pl.Callback):
    """Writes `predictions.csv` and `attention.csv` after `test` or `predict`.

    Predictions have a row per study and score. A head with named outputs has a row for each of them, its `target`
    written as `target:output`; docs/heads.md says what stands in `truth`. Attention has a row per clip and target.

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
        self._write(folder / f"{self.prefix}predictions.csv", self._prediction_rows())
        self._write(folder / f"{self.prefix}attention.csv", self._attention_rows())
        self._outputs.clear()

    on_predict_end = on_test_end

    @staticmethod
    def _write(path: Path, rows: list[dict[str, Any]]) -> None:
        write_text(path, pd.DataFrame(rows).to_csv(index=False))
        _log.info("wrote %s", path)

    def _prediction_rows(self) -> list[dict[str, Any]]:
        return [
            {
                "study": study,
                "patient": output["patient"][row],
                "target": name,
                "truth": float(output["truth"][name][row]) if output["truth"] else None,
                "score": float(scores[row]),
                "model": self.model_name,
            }
            for output in self._outputs
            for name, scores in output["scores"].items()
            for row, study in enumerate(output["study"])
        ]

    def _attention_rows(self) -> list[dict[str, Any]]:
        return [
            {"study": study, "target": target, "view": view, "slice": index, "weight": float(weight)}
            for output in self._outputs
            for target, bags in output["attention"].items()
            for study, names, weights in zip(output["study"], output["clip_names"], bags, strict=True)
            for (view, index), weight in zip(names, weights, strict=True)
        ]


class MetricsFile(pl.Callback):
    """Writes the metrics of `test` to `<default_root_dir>/test_metrics.json`."""

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write what was logged."""
        if not trainer.is_global_zero:
            return
        path = Path(trainer.default_root_dir) / "test_metrics.json"
        metrics = {name: float(value) for name, value in sorted(trainer.callback_metrics.items())}
        write_text(path, json.dumps(metrics, indent=2) + "\n")
        _log.info("wrote %s", path)
