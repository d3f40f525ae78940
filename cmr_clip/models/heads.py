"""Endpoints: each head knows its target, its label cells, its loss, its metrics and how logits become a prediction.

A new kind of endpoint is one class, made known by `cmr_clip.models.head_registry`. Tasks, loaders, tables and model
cards ask the head and never its class.

Shapes: B studies; K outputs of the trunk, the head's `width`; S named scores, its `outputs`; N clips of a study.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics import MeanAbsoluteError, MetricCollection

from cmr_clip.errors import CmrClipError
from cmr_clip.metrics.ranking import DefinedAUROC, DefinedAveragePrecision
from preprocess.labels.table import number_in

__all__ = ["BinaryHead", "Head", "RegressionHead"]


class Head(nn.Module, ABC):
    """One target of the fine-tuning task.

    The shapes that its methods see follow from two numbers. A head of width 1 gets logits `[B]`, one of width K > 1
    gets `[B, K]`. A head without named outputs predicts one score per study, `[B]`; one with S names predicts
    `[B, S]`. Truth is `[B]`, or `[B, T]` where `truth` gives T numbers per study.

    Args:
        target: what is predicted; also the label column unless `columns` says otherwise.
        width: K, how many of the trunk's outputs are this head's; all K see the clips through one attention map.
        outputs: names of its S scores; without, there is one score that goes by the target's name.

    Raises:
        CmrClipError: no target, a width below 1, or outputs that are no names, or hold a name twice.
    """

    def __init__(self, target: str, width: int = 1, outputs: Sequence[str] = ()) -> None:
        super().__init__()
        if not isinstance(target, str) or not target.strip():
            raise CmrClipError(f"a head has the target {target!r}", "name the label column that it predicts")
        if width < 1:
            raise CmrClipError(f"the head of target {target!r} has width {width}", "it needs at least 1 output")
        if isinstance(outputs, str) or not all(isinstance(name, str) and name.strip() for name in outputs):
            raise CmrClipError(
                f"the head of target {target!r} has outputs {outputs!r}, which are no list of names",
                'in YAML, put quotes around numbers and yes or no: ["1", "2"]',
            )
        if len(set(outputs)) < len(outputs):
            raise CmrClipError(f"the head of target {target!r} names an output twice: {', '.join(outputs)}", "keep one")
        self.target = target
        self.width = width
        self.outputs = tuple(outputs)

    @property
    def columns(self) -> tuple[str, ...]:
        """The label columns that its truth is made of."""
        return (self.target,)

    @property
    def takes(self) -> str:
        """What its label cells hold, in words."""
        return "numbers"

    def truth(self, *cells: str) -> float | Sequence[float] | None:
        """The truth of a study from the cells of `columns`; studies with an empty cell have none and never come here.

        Args:
            cells: as written in the label file; `preprocess.labels.number_in` reads a number.

        Returns:
            A finite number, the same number of numbers for each study, or None for cells that the head does not take.
        """
        (cell,) = cells
        return number_in(cell)

    @property
    def score_names(self) -> tuple[str, ...]:
        """What tables call its scores: the target, or `target:output` for named outputs."""
        return tuple(f"{self.target}:{output}" for output in self.outputs) or (self.target,)

    def score_truth(self, truth: Tensor) -> Tensor:
        """What tables hold beside the scores.

        Args:
            truth: `[B]` or `[B, T]`, NaN where missing.

        Returns:
            `[B]`, or `[B, S]` for S named outputs; here each score is compared with the truth itself.
        """
        return truth[:, None].expand(-1, len(self.outputs)) if self.outputs else truth

    @property
    def prediction(self) -> str:
        """What its prediction is, in words, for the model card."""
        return f"scores named {', '.join(self.outputs)}" if self.outputs else "a score"

    @abstractmethod
    def arguments(self) -> dict[str, Any]:
        """The arguments that build the same head, as plain values; `target` is one of them."""

    def description(self) -> dict[str, Any]:
        """What a checkpoint says of this head: its kind (the class) and its arguments."""
        return {"kind": type(self).__name__, **self.arguments()}

    @abstractmethod
    def fit_labels(self, labels: Tensor) -> float | Tensor:
        """Take what is needed from the training labels.

        Args:
            labels: truth of the labelled training studies, `[N]` or `[N, T]`, without NaN; N is at least 1.

        Returns:
            Initial bias of the output layer: a number, or `[K]`.
        """

    @abstractmethod
    def loss(self, logits: Tensor, truth: Tensor) -> Tensor:
        """Mean loss, a scalar, of logits `[B]` or `[B, K]` against truth `[B]` or `[B, T]` without NaN."""

    @abstractmethod
    def predict(self, logits: Tensor) -> Tensor:
        """Logits `[B]` or `[B, K]` to scores `[B]` or `[B, S]`: in the target's unit, or probabilities."""

    @abstractmethod
    def metrics(self) -> MetricCollection:
        """Metrics that take scores and `metric_target` of truth; one that is NaN was not defined and is left out."""

    def metric_target(self, truth: Tensor) -> Tensor:
        """Truth `[B]` or `[B, T]` as the metrics take it."""
        return truth.float()

    @abstractmethod
    def reference(self, truth: Tensor) -> dict[str, Tensor]:
        """What a trivial model reaches: what a model must beat.

        Args:
            truth: `[B]` or `[B, T]`, without NaN.

        Returns:
            By metric name, a value `[B]` per study (an error in the target's unit, a hit of 0 or 1); logged as a mean.
        """


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

    @property
    def prediction(self) -> str:
        """A number with its unit."""
        return f"{self.scale:g} × logit, in its unit"

    def arguments(self) -> dict[str, Any]:
        """Target, scale and delta."""
        return {"target": self.target, "scale": self.scale, "huber_delta": self.huber_delta}

    def fit_labels(self, labels: Tensor) -> float:
        """Start from the mean of the training labels `[N]`, in the target's unit."""
        self.train_mean.fill_(labels.mean())
        return float(labels.mean()) / self.scale

    def loss(self, logits: Tensor, truth: Tensor) -> Tensor:
        """Huber loss of logits `[B]` against truth `[B]`, in the target's unit."""
        return F.huber_loss(self.predict(logits), truth, delta=self.huber_delta)

    def predict(self, logits: Tensor) -> Tensor:
        """Logits `[B]` to predictions `[B]` in the target's unit."""
        return self.scale * logits

    def metrics(self) -> MetricCollection:
        """Mean absolute error, in the target's unit."""
        return MetricCollection({"mae": MeanAbsoluteError()})

    def reference(self, truth: Tensor) -> dict[str, Tensor]:
        """Errors `[B]` of predicting the training mean for everybody, in the target's unit."""
        return {"mae_mean_predictor": (self.train_mean - truth).abs()}


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

    @property
    def takes(self) -> str:
        """Findings."""
        return "0 and 1"

    def truth(self, *cells: str) -> float | None:
        """0 or 1; None for any other cell."""
        (cell,) = cells
        number = number_in(cell)
        return number if number in (0.0, 1.0) else None

    @property
    def prediction(self) -> str:
        """A probability, 0 to 1."""
        return "a probability"

    def arguments(self) -> dict[str, Any]:
        """Target and weighting."""
        return {"target": self.target, "weighted": self.weighted}

    def fit_labels(self, labels: Tensor) -> float:
        """Balance the classes of the training labels `[N]`, 0 or 1.

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
        """Binary cross-entropy of logits `[B]` against truth `[B]`, 0 or 1."""
        return F.binary_cross_entropy_with_logits(logits, truth, pos_weight=self.pos_weight)

    def predict(self, logits: Tensor) -> Tensor:
        """Logits `[B]` to probabilities `[B]`."""
        return torch.sigmoid(logits)

    def metrics(self) -> MetricCollection:
        """Ranking metrics over the whole set, 0 to 1; not defined unless both classes occur in it."""
        return MetricCollection({"auroc": DefinedAUROC(), "average_precision": DefinedAveragePrecision()})

    def metric_target(self, truth: Tensor) -> Tensor:
        """Truth `[B]` as integers."""
        return truth.long()

    def reference(self, truth: Tensor) -> dict[str, Tensor]:
        """Nothing, whatever the truth `[B]`: a constant cannot rank."""
        return {}
