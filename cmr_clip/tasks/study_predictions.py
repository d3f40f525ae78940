"""What fine-tuning says of the studies of a batch, as tables hold it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from torch import Tensor

from cmr_clip.data.batches import BagBatch
from cmr_clip.models.head_inputs import HeadInput
from cmr_clip.models.heads import Head

__all__ = ["StudyPredictions", "study_predictions"]


class StudyPredictions(TypedDict):
    """What the task says of the B studies of a batch.

    Attributes:
        study: B keys.
        patient: B keys.
        clip_names: B lists of (view, slice).
        truth: by score name, `[B]`, NaN where missing; empty where the data have no labels.
        scores: by score name, `[B]`: probabilities, or numbers in the target's unit. A head with named outputs has a
            score, and a truth beside it, for each: `target:output`.
        attention: by target, and for each study, `[N]` weights of its clips.
    """

    study: list[str]
    patient: list[str]
    clip_names: list[list[tuple[str, int]]]
    truth: dict[str, Tensor]
    scores: dict[str, Tensor]
    attention: dict[str, list[Tensor]]


def study_predictions(parts: Sequence[HeadInput], scores: Sequence[Tensor], batch: BagBatch) -> StudyPredictions:
    """Name what the heads predict.

    Args:
        parts: the heads with the attention over the clips of B studies.
        scores: what each predicts, `[B]` or `[B, S]`.
        batch: the studies.
    """
    counts, labels = batch["counts"].tolist(), batch["labels"]
    named_scores, named_truth, attention = {}, {}, {}
    for part, values in zip(parts, scores, strict=True):
        head = part.head
        named_scores.update(_by_name(head, values))
        if labels:
            named_truth.update(_by_name(head, head.score_truth(labels[head.target])))
        weights = part.attention.float()
        attention[head.target] = [row[:count] for row, count in zip(weights, counts, strict=True)]
    return {
        "study": batch["study"],
        "patient": batch["patient"],
        "clip_names": batch["clip_names"],
        "truth": named_truth,
        "scores": named_scores,
        "attention": attention,
    }


def _by_name(head: Head, values: Tensor) -> dict[str, Tensor]:
    """`[B]` or `[B, S]` as a tensor `[B]` per score name."""
    columns = values.unbind(1) if head.outputs else [values]
    return dict(zip(head.score_names, columns, strict=True))
