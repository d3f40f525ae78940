"""A head of five classes that the library does not know, with labels and recipes for it."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor
from torch.nn import functional as F
from torchmetrics import MetricCollection
from torchmetrics.classification import MulticlassAccuracy

from cmr_clip.encoders.mvit.presets import mvit_tiny
from cmr_clip.metrics.ranking import DefinedAUROC
from cmr_clip.models.class_names import class_index
from cmr_clip.models.heads import Head
from cmr_clip.tasks.finetuning import StudyFinetuning
from tests.support.cohort import Cohort

CLASSES = ("NOR", "DCM", "HCM", "MINF", "RV")
TARGETS = ("lvef_percent", "dilated", "group")
UNLABELLED = {"lvef_percent": (1, 10, 13), "dilated": (2, 11, 15), "group": (3, 12, 13)}  # of train, val and test


class OneAgainstRest(DefinedAUROC):
    """AUROC of one class, `[B, K]` probabilities against `[B]` classes; NaN where it or all others are absent."""

    def __init__(self, index: int) -> None:
        super().__init__()
        self.index = index

    def update(self, preds: Tensor, target: Tensor) -> None:
        super().update(preds[:, self.index], (target == self.index).long())


class GroupHead(Head):
    """One of K classes: cross-entropy, prediction = a probability for each.

    Args:
        target: the label column, which holds names of classes.
        classes: K names.
    """

    frequencies: Tensor

    def __init__(self, target: str, classes: Sequence[str] = CLASSES) -> None:
        super().__init__(target, width=len(classes), outputs=classes)
        self.register_buffer("frequencies", torch.full((len(classes),), torch.nan))

    takes = property(lambda self: f"one of {', '.join(self.outputs)}")
    prediction = property(lambda self: f"probabilities of {', '.join(self.outputs)}")

    def truth(self, *cells: str) -> int | None:
        return class_index(cells[0], self.outputs)

    def score_truth(self, truth: Tensor) -> Tensor:
        hits = (truth[:, None] == torch.arange(self.width, device=truth.device)).float()
        return hits.masked_fill(truth.isnan()[:, None], torch.nan)

    def arguments(self) -> dict[str, Any]:
        return {"target": self.target, "classes": list(self.outputs)}

    def fit_labels(self, labels: Tensor) -> Tensor:
        counts = torch.bincount(labels.long(), minlength=self.width) + 1
        self.frequencies.copy_(counts / counts.sum())
        return self.frequencies.log()

    def loss(self, logits: Tensor, truth: Tensor) -> Tensor:
        return F.cross_entropy(logits, truth.long())

    def predict(self, logits: Tensor) -> Tensor:
        return logits.softmax(dim=1)

    def metrics(self) -> MetricCollection:
        ranking = {f"auroc_{name}": OneAgainstRest(index) for index, name in enumerate(self.outputs)}
        return MetricCollection({"accuracy": MulticlassAccuracy(self.width, average="micro"), **ranking})

    def metric_target(self, truth: Tensor) -> Tensor:
        return truth.long()

    def reference(self, truth: Tensor) -> dict[str, Tensor]:
        return {"accuracy_most_frequent": (truth == self.frequencies.argmax()).float()}


HEADS = {
    "lvef_percent": {"class_path": "cmr_clip.models.heads.RegressionHead", "init_args": {"target": "lvef_percent"}},
    "dilated": {"class_path": "cmr_clip.models.heads.BinaryHead", "init_args": {"target": "dilated"}},
    "group": {"class_path": f"{GroupHead.__module__}.{GroupHead.__qualname__}", "init_args": {"target": "group"}},
}


def label_file(path: Path, cohort: Cohort, changes: Mapping[tuple[str, int], object] = {}) -> Path:
    """Labels of the cohort, one missing of each target in each split; `changes` by (target, number of study)."""
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("study", *TARGETS))
        for number, study in enumerate(cohort.studies):
            own = {"lvef_percent": 40 + number, "dilated": number % 2, "group": CLASSES[number % 5]}
            own |= {target: "" for target, numbers in UNLABELLED.items() if number in numbers}
            own |= {target: value for (target, row), value in changes.items() if row == number}
            rows.writerow((study, *(own[target] for target in TARGETS)))
    return path


def group_recipe(
    root: Path, cohort: Cohort, labels: Path, targets: Sequence[str] = TARGETS, studies: int = 4
) -> list[str]:
    """The options of a run on the CPU, in batches of so many studies."""
    trainer = {"accelerator": "cpu", "max_epochs": 2, "num_sanity_val_steps": 0, "logger": False}
    callbacks = [f"cmr_clip.training.callbacks.predictions.{name}" for name in ("PredictionTables", "MetricsFile")]
    keeper = {"save_last": True, "save_top_k": 0}
    callbacks = [{"class_path": name} for name in callbacks]
    callbacks.append({"class_path": "pytorch_lightning.callbacks.ModelCheckpoint", "init_args": keeper})
    encoder = {"class_path": "cmr_clip.encoders.mvit.presets.mvit_tiny", "init_args": {"frames": 4, "size": 32}}
    data = {"store": str(cohort.store), "splits": str(cohort.splits), "labels": str(labels)}
    sizes = {"batch_size": studies, "studies_per_eval_batch": studies, "clip": {"n_frames": 4, "size": 32}}
    content = {
        "seed_everything": 3,
        "trainer": {**trainer, "default_root_dir": str(root), "callbacks": callbacks},
        "model": {
            "class_path": "cmr_clip.tasks.finetuning.StudyFinetuning",
            "init_args": {"video_encoder": encoder, "embed_dim": 16, "heads": [HEADS[target] for target in targets]},
        },
        "data": {"class_path": "cmr_clip.data.bag_module.StudyBagDataModule", "init_args": {**data, **sizes}},
    }
    root.mkdir(parents=True, exist_ok=True)
    path = root / "recipe.yaml"
    path.write_text(yaml.safe_dump(content))
    return ["--config", str(path)]


def task_with(*heads: Head) -> StudyFinetuning:
    """A fine-tuning with the smallest encoder, the same at each call."""
    torch.manual_seed(0)
    return StudyFinetuning(mvit_tiny(4, 32), list(heads), embed_dim=8, dropout=0.0)
