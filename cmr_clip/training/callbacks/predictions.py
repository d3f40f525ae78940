"""Predictions and attention as tables, keyed by study; metrics as JSON."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from cmr_clip.tables.predictions import AttentionWeight, Prediction, write_attention, write_predictions
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
        predictions, attention = folder / f"{self.prefix}predictions.csv", folder / f"{self.prefix}attention.csv"
        write_predictions(predictions, self._predictions())
        write_attention(attention, self._attention())
        _log.info("wrote %s and %s", predictions, attention)
        self._outputs.clear()

    on_predict_end = on_test_end

    def _predictions(self) -> Iterator[Prediction]:
        for output in self._outputs:
            for target, scores in output["scores"].items():
                for row, study in enumerate(output["study"]):
                    truth = float(output["truth"][target][row]) if output["truth"] else None
                    yield Prediction(study, output["patient"][row], target, truth, float(scores[row]), self.model_name)

    def _attention(self) -> Iterator[AttentionWeight]:
        for output in self._outputs:
            for target, bags in output["attention"].items():
                for study, names, weights in zip(output["study"], output["clip_names"], bags, strict=True):
                    for (view, index), weight in zip(names, weights, strict=True):
                        yield AttentionWeight(study, target, view, index, float(weight))


class MetricsFile(pl.Callback):
    """Writes the metrics of `test` to `<default_root_dir>/test_metrics.json`; one that is not defined is absent."""

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write what was logged."""
        if not trainer.is_global_zero:
            return
        path = Path(trainer.default_root_dir) / "test_metrics.json"
        metrics = {name: float(value) for name, value in sorted(trainer.callback_metrics.items())}
        defined = {name: value for name, value in metrics.items() if math.isfinite(value)}
        if absent := sorted(set(metrics) - set(defined)):
            _log.warning("not defined, so not in %s: %s", path, ", ".join(absent))
        write_text(path, json.dumps(defined, indent=2, allow_nan=False) + "\n")
        _log.info("wrote %s", path)
