"""Endpoints: each head knows its target, its loss, its metrics and how a logit becomes a prediction.

A new kind of endpoint is one class here; the fine-tuning task only calls these methods.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics import MeanAbsoluteError, MetricCollection
from torchmetrics.classification import BinaryAUROC, BinaryAveragePrecision

from cmr_clip.errors import CmrClipError

__all__ = ["BinaryHead", "Head", "RegressionHead", "heads_from_description"]


class Head(nn.Module, ABC):
    """One target of the fine-tuning task.

    Args:
        target: the label column.
    """

    def __init__(self, target: str) -> None:
        super().__init__()
        self.target = target

    @abstractmethod
    def arguments(self) -> dict[str, Any]:
        """The arguments that build the same head, as plain values."""

    def description(self) -> dict[str, Any]:
        """What a checkpoint says of this head: its kind (the class) and its arguments."""
        return {"kind": type(self).__name__, **self.arguments()}

    @abstractmethod
    def fit_labels(self, labels: Tensor) -> float:
        """Take what is needed from the training labels `[N]` (no NaN); returns the output layer's initial bias."""

    @abstractmethod
    def loss(self, logits: Tensor, truth: Tensor) -> Tensor:
        """Mean loss of logits `[B]` against labels `[B]` without NaN."""

    @abstractmethod
    def predict(self, logits: Tensor) -> Tensor:
        """Logits `[B]` to predictions in the target's unit, or to probabilities."""

    @abstractmethod
    def metrics(self) -> MetricCollection:
        """Metrics that take predictions and labels."""

    def metric_target(self, truth: Tensor) -> Tensor:
        """Labels `[B]` as the metrics take them."""
        return truth.float()

    @abstractmethod
    def reference(self, truth: Tensor) -> dict[str, Tensor]:
        """Trivial predictions for labels `[B]`, by name: what a model must beat."""


class RegressionHead(Head):
    """A number: Huber loss, prediction = scale × logit.

    Args:
        target: the label column; its unit is in its name (`lvef_percent`).
        scale: the prediction of logit 1, in the target's unit (the paper's code: 100).
        huber_delta: where the loss turns linear, in the target's unit.
    """

    train_mean: Tensor

    def __init__(self, target: str, scale: float = 100.0, huber_delta: float = 1.0) -> None:
        super().__init__(target)
        self.scale = scale
        self.huber_delta = huber_delta
        self.register_buffer("train_mean", torch.tensor(float("nan")))

    def arguments(self) -> dict[str, Any]:
        """Target, scale and delta."""
        return {"target": self.target, "scale": self.scale, "huber_delta": self.huber_delta}

    def fit_labels(self, labels: Tensor) -> float:
        """Start from the training mean."""
        self.train_mean.fill_(labels.mean())
        return float(labels.mean()) / self.scale

    def loss(self, logits: Tensor, truth: Tensor) -> Tensor:
        """Huber loss in the target's unit."""
        return F.huber_loss(self.predict(logits), truth, delta=self.huber_delta)

    def predict(self, logits: Tensor) -> Tensor:
        """The prediction in the target's unit."""
        return self.scale * logits

    def metrics(self) -> MetricCollection:
        """Mean absolute error."""
        return MetricCollection({"mae": MeanAbsoluteError()})

    def reference(self, truth: Tensor) -> dict[str, Tensor]:
        """Predicting the training mean for everybody."""
        return {"mean_predictor": self.train_mean.expand_as(truth)}


class BinaryHead(Head):
    """A finding: weighted cross-entropy, prediction = probability.

    Args:
        target: the label column, 0 or 1.
        weighted: weight positives by N_neg / N_pos of the training split.
    """

    pos_weight: Tensor

    def __init__(self, target: str, weighted: bool = True) -> None:
        super().__init__(target)
        self.weighted = weighted
        self.register_buffer("pos_weight", torch.tensor(1.0))

    def arguments(self) -> dict[str, Any]:
        """Target and weighting."""
        return {"target": self.target, "weighted": self.weighted}

    def fit_labels(self, labels: Tensor) -> float:
        """Balance the classes.

        Raises:
            CmrClipError: only one class occurs, or a label is neither 0 nor 1.
        """
        positive, negative = int((labels == 1).sum()), int((labels == 0).sum())
        if positive + negative != len(labels) or not (positive and negative):
            raise CmrClipError(
                f"target {self.target!r}: {positive} ones and {negative} zeros in {len(labels)} training labels",
                "a binary head needs 0 and 1, and both of them",
            )
        if self.weighted:
            self.pos_weight.fill_(negative / positive)
        return 0.0

    def loss(self, logits: Tensor, truth: Tensor) -> Tensor:
        """Binary cross-entropy."""
        return F.binary_cross_entropy_with_logits(logits, truth, pos_weight=self.pos_weight)

    def predict(self, logits: Tensor) -> Tensor:
        """The probability."""
        return torch.sigmoid(logits)

    def metrics(self) -> MetricCollection:
        """Ranking metrics over the whole epoch."""
        return MetricCollection({"auroc": BinaryAUROC(), "average_precision": BinaryAveragePrecision()})

    def metric_target(self, truth: Tensor) -> Tensor:
        """Labels as integers."""
        return truth.long()

    def reference(self, truth: Tensor) -> dict[str, Tensor]:
        """None: a constant cannot rank."""
        return {}


def heads_from_description(described: Sequence[Mapping[str, Any]], origin: str) -> list[Head]:
    """The heads that a checkpoint describes, in order; what they took from labels is not part of it.

    Args:
        described: `Head.description()` of each.
        origin: what the error calls the file.

    Raises:
        CmrClipError: a kind or an argument that this version does not know.
    """
    kinds: dict[str, type[Head]] = {kind.__name__: kind for kind in (BinaryHead, RegressionHead)}
    heads = []
    for entry in described:
        arguments = {name: value for name, value in entry.items() if name != "kind"}
        try:
            heads.append(kinds[entry["kind"]](**arguments))
        except (KeyError, TypeError) as error:
            raise CmrClipError(
                f"{origin} describes a head that this version does not know: {dict(entry)}", "install a newer cmr-clip"
            ) from error
    return heads
