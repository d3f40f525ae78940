"""What is not defined is absent or NaN: numbers of a diverged model are never good ones."""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor

from cmr_clip.demo.summary import accuracy_checks
from cmr_clip.metrics.ranking import DefinedAUROC, DefinedAveragePrecision
from cmr_clip.metrics.retrieval import retrieval_metrics
from cmr_clip.metrics.zero_shot import zero_shot_aurocs
from cmr_clip.tasks.retrieval import CollectedStudies
from cmr_clip.tasks.video_task import VideoTask
from cmr_clip.training.callbacks.predictions import MetricsFile

NAN = float("nan")
TRUTHS = [[1.0, 1, 0, 0], [0.0, 0, 1, 1]]
SCORES = [[NAN] * 4, [0.1, NAN, 0.7, 0.9]]


@pytest.mark.parametrize("truth", TRUTHS)
@pytest.mark.parametrize("scores", SCORES)
@pytest.mark.parametrize("metric", [DefinedAUROC, DefinedAveragePrecision])
def test_scores_without_an_order_have_no_ranking(metric: Any, scores: list[float], truth: list[float]) -> None:
    ranking = metric()
    ranking.update(torch.tensor(scores), torch.tensor(truth).long())
    assert math.isnan(float(ranking.compute()))


@pytest.mark.parametrize("truth", TRUTHS)
@pytest.mark.parametrize("scores", SCORES)
def test_zero_shot_scores_without_an_order_have_no_auroc(scores: list[float], truth: list[float]) -> None:
    columns = torch.tensor([scores, [0.1, 0.2, 0.3, 0.4]]).T
    broken, whole = zero_shot_aurocs(columns, torch.tensor([truth, truth]).T)
    assert math.isnan(broken)
    assert whole in (0.0, 1.0)


@pytest.mark.parametrize("spoil", [(0, NAN), (0, float("inf")), (1, NAN)], ids=str)
def test_retrieval_of_embeddings_that_are_no_numbers_is_absent(spoil: tuple[int, float]) -> None:
    sides = [torch.eye(6), torch.eye(6)]
    sides[spoil[0]][2] = spoil[1]
    found = retrieval_metrics(*sides, torch.arange(6))
    assert set(found) == {"n", "chance_at_1", "chance_at_5", "chance_at_10"}
    assert found["chance_at_1"] == pytest.approx(1 / 6)
    assert retrieval_metrics(torch.eye(6)[:0], torch.eye(6)[:0], torch.arange(0)) == {"n": 0.0}


def test_a_diverged_model_has_no_retrieval_and_no_findings() -> None:
    studies, truth = torch.full((4, 3), NAN), torch.tensor([[1.0], [1], [0], [0]])
    collected = CollectedStudies(studies, torch.eye(4)[:, :3], torch.arange(4), truth)
    found = collected.metrics(["dilated"], torch.ones(1, 3))
    assert set(found) == {"retrieval/n", "retrieval/chance_at_1", "retrieval/chance_at_5", "retrieval/chance_at_10"}


def test_the_metrics_file_is_json_without_what_is_not_defined(tmp_path: Path) -> None:
    logged: dict[str, Tensor] = {
        "test/loss": torch.tensor(NAN),
        "b": torch.tensor(float("inf")),
        "a": torch.tensor(1.5),
    }
    trainer = SimpleNamespace(is_global_zero=True, default_root_dir=str(tmp_path), callback_metrics=logged)
    MetricsFile().on_test_end(cast(pl.Trainer, trainer), pl.LightningModule())
    assert json.loads((tmp_path / "test_metrics.json").read_text()) == {"a": 1.5}


class _Diverging(VideoTask):
    """Validates well once, then has nothing to say."""

    def __init__(self) -> None:
        pl.LightningModule.__init__(self)
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.seen: list[set[str]] = []

    def setup(self, stage: str) -> None:
        pass

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), 0.1)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        return self.weight.sum()

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        pass

    def on_validation_epoch_end(self) -> None:
        if self.current_epoch == 0:
            self.log("val/r_at_5", 1.0)

    def on_validation_end(self) -> None:
        self.seen.append({name for name in self.trainer.callback_metrics if name.startswith("val/")})

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        pass


def test_a_metric_does_not_outlive_its_validation(tmp_path: Path) -> None:
    task = _Diverging()
    trainer = pl.Trainer(
        max_epochs=2, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, default_root_dir=tmp_path, num_sanity_val_steps=0,
    )  # fmt: skip
    trainer.fit(task, [torch.zeros(1)], [torch.zeros(1)])
    assert task.seen == [{"val/r_at_5"}, set()]


def test_what_is_absent_reaches_nothing() -> None:
    summary = {"retrieval": {"n": 6.0, "chance_at_5": 0.1}, "lvef": {"mae_pretrained": None, "mae_baseline": 1.0}}
    assert not any(accuracy_checks(summary).values())
