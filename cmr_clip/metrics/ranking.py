"""Ranking metrics of a finding that say NaN, not a number by chance, where a set does not define them."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics.classification import BinaryAUROC, BinaryAveragePrecision
from torchmetrics.utilities.data import dim_zero_cat

__all__ = ["DefinedAUROC", "DefinedAveragePrecision"]


class DefinedAUROC(BinaryAUROC):
    """Area under the ROC curve, 0 to 1; NaN unless both classes occur and every score is a number."""

    def compute(self) -> Tensor:  # type: ignore[override]
        """A scalar."""
        return (
            super().compute() if _is_defined(self.preds, self.target) else torch.tensor(torch.nan, device=self.device)
        )


class DefinedAveragePrecision(BinaryAveragePrecision):
    """Average precision, 0 to 1; NaN unless both classes occur and every score is a number."""

    def compute(self) -> Tensor:  # type: ignore[override]
        """A scalar."""
        return (
            super().compute() if _is_defined(self.preds, self.target) else torch.tensor(torch.nan, device=self.device)
        )


def _is_defined(scores: Tensor | list[Tensor], target: Tensor | list[Tensor]) -> bool:
    """Whether the collected truth, parts of `[B]`, holds 0 and 1, and the scores, parts of `[B]`, have an order."""
    if len(target) == 0:
        return False
    truth = dim_zero_cat(target)
    return bool((truth == 0).any() and (truth == 1).any() and not dim_zero_cat(scores).isnan().any())
