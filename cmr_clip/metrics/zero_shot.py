"""Zero-shot classification: studies against sentences, without any training on labels."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F
from torchmetrics.functional.classification import binary_auroc

__all__ = ["prompt_direction", "zero_shot_aurocs"]


def prompt_direction(prompts: Tensor, against: Tensor) -> Tensor:
    """From the mean of the sentences against a finding to the mean of those for it.

    Args:
        prompts: embeddings of sentences for it, `[P, E]`, L2-normalised.
        against: embeddings of sentences against it, `[Q, E]`, L2-normalised.

    Returns:
        `[E]`; a study's score is its inner product with it, the difference of two cosines.
    """
    return F.normalize(prompts.mean(dim=0), dim=0) - F.normalize(against.mean(dim=0), dim=0)


def zero_shot_aurocs(scores: Tensor, truth: Tensor) -> list[float]:
    """AUROC of each finding over the studies that have a label; NaN where one class is missing or a score is NaN.

    Args:
        scores: `[N, K]`.
        truth: `[N, K]`, 0, 1 or NaN.
    """
    results = []
    for score, label in zip(scores.T, truth.T, strict=True):
        known = ~label.isnan()
        is_defined = torch.unique(label[known]).numel() == 2 and not score[known].isnan().any()
        auroc = float(binary_auroc(score[known].double(), label[known].long())) if is_defined else float("nan")
        results.append(auroc)
    return results
