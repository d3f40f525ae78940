"""Flooding (Eq. 3 of the paper; Ishida et al., ICML 2020): keep the training loss from falling below a level."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["flood"]


def flood(loss: Tensor, level: float, mean_loss: Tensor | None = None) -> Tensor:
    """`|L − b| + b`, its sign taken from the loss averaged over ranks.

    Were each rank to take its own sign, ranks above and below the level would cancel each other's gradients.

    Args:
        loss: this rank's loss, a scalar.
        level: b; 0.05 in the paper, 0 turns flooding off for a positive loss.
        mean_loss: the loss averaged over all ranks, a scalar (no gradient needed); `loss` itself on one rank.
    """
    reference = loss if mean_loss is None else mean_loss
    return torch.where(reference.detach() >= level, loss, 2 * level - loss)  # no branch: a GPU need not be waited for
