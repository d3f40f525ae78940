"""Pairwise sigmoid loss (Zhai et al., "Sigmoid loss for language image pre-training", ICCV 2023)."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

__all__ = ["siglip_loss"]


def siglip_loss(
    video: Tensor, keys_text: Tensor, positives: Tensor, temperature: Tensor | float, bias: Tensor | float
) -> Tensor:
    """Binary cross-entropy of every clip–report pair, summed over reports and averaged over clips.

    `−1/B Σ_i Σ_j log σ(z_ij (<v_i, u_j>/τ + b))` with z = +1 where j is a report of i and −1 elsewhere.

    Args:
        video: clip embeddings of this rank, `[B, E]`, L2-normalised.
        keys_text: report embeddings of all ranks, `[N, E]`, L2-normalised.
        positives: `[B, N]` bool.
        temperature: τ.
        bias: b, negative at the start since nearly all pairs are negatives.
    """
    logits = video @ keys_text.T / temperature + bias
    signs = 2 * positives.to(logits.dtype) - 1
    return -F.logsigmoid(signs * logits).sum(dim=1).mean()
