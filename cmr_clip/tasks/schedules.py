"""Learning-rate schedules that torch lacks."""

from __future__ import annotations

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

__all__ = ["WarmupCosineLR"]


class WarmupCosineLR(LambdaLR):
    """Linear warm-up, then half a cosine to zero.

    Args:
        optimizer: the optimiser.
        warmup_epochs: epochs until the full rate.
        total_epochs: epochs until zero.
    """

    def __init__(self, optimizer: Optimizer, warmup_epochs: int, total_epochs: int) -> None:
        def factor(epoch: int) -> float:
            progress = min(epoch / total_epochs, 1.0)
            return min(1.0, (epoch + 1) / (warmup_epochs + 1)) * 0.5 * (1 + math.cos(math.pi * progress))

        super().__init__(optimizer, factor)
