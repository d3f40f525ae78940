"""Contrastive objectives with their temperature: what a configuration chooses."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from cmr_clip.losses.info_nce import contrastive_loss
from cmr_clip.losses.siglip import siglip_loss

__all__ = ["ContrastiveObjective", "InfoNCE", "SigLIP"]

_LOWEST_TEMPERATURE = 0.01


class ContrastiveObjective(nn.Module, ABC):
    """A loss over matched pairs against all keys.

    Args:
        temperature: τ at the start.
        learn_temperature: train log τ; it is kept at or above 0.01, as in CLIP.
    """

    def __init__(self, temperature: float, learn_temperature: bool) -> None:
        super().__init__()
        self.log_temperature = nn.Parameter(torch.tensor(math.log(temperature)), requires_grad=learn_temperature)

    @property
    def temperature(self) -> Tensor:
        """τ, a scalar."""
        return self.log_temperature.clamp(min=math.log(_LOWEST_TEMPERATURE)).exp()

    @abstractmethod
    def forward(self, video: Tensor, text: Tensor, keys_video: Tensor, keys_text: Tensor, positives: Tensor) -> Tensor:
        """The mean loss over this rank's pairs.

        Args:
            video: clip embeddings of this rank, `[B, E]`, L2-normalised.
            text: report embeddings of this rank, `[B, E]`, L2-normalised.
            keys_video: clip embeddings to compare with, `[N, E]`; of all ranks, or `video` itself.
            keys_text: report embeddings to compare with, `[N, E]`.
            positives: `[B, N]` bool; identical reports count as positives.
        """


class InfoNCE(ContrastiveObjective):
    """The paper's loss, Eq. 1 and 2: `λ·l(v→u) + (1−λ)·l(u→v)`.

    Args:
        temperature: τ; the paper gives none, 0.1 follows ConVIRT.
        learn_temperature: train log τ.
        video_weight: λ, weight of the clip-to-report direction; the paper gives none, 0.75 follows ConVIRT.
    """

    def __init__(self, temperature: float = 0.1, learn_temperature: bool = False, video_weight: float = 0.75) -> None:
        super().__init__(temperature, learn_temperature)
        self.video_weight = video_weight

    def forward(self, video: Tensor, text: Tensor, keys_video: Tensor, keys_text: Tensor, positives: Tensor) -> Tensor:
        """A scalar from embeddings `[B, E]` and keys `[N, E]`; see `ContrastiveObjective.forward`."""
        return contrastive_loss(
            video,
            text,
            keys_video,
            keys_text,
            positives,
            temperature=self.temperature,
            video_weight=self.video_weight,
        )


class SigLIP(ContrastiveObjective):
    """Every pair decided on its own; needs no softmax over the batch.

    Args:
        temperature: τ at the start (SigLIP: 0.1).
        learn_temperature: train log τ.
        bias: at the start (SigLIP: −10); it trains with the temperature.
    """

    def __init__(self, temperature: float = 0.1, learn_temperature: bool = True, bias: float = -10.0) -> None:
        super().__init__(temperature, learn_temperature)
        self.bias = nn.Parameter(torch.tensor(bias), requires_grad=learn_temperature)

    def forward(self, video: Tensor, text: Tensor, keys_video: Tensor, keys_text: Tensor, positives: Tensor) -> Tensor:
        """A scalar from embeddings `[B, E]` and keys `[N, E]`; see `ContrastiveObjective.forward`."""
        return siglip_loss(video, keys_text, positives, self.temperature, self.bias)
