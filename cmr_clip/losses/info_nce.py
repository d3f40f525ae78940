"""InfoNCE in both directions (Eq. 1 and 2 of the paper), as pure functions of tensors."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["contrastive_loss", "info_nce"]


def info_nce(queries: Tensor, keys: Tensor, positives: Tensor, temperature: Tensor | float) -> Tensor:
    """Cross-entropy of each query against all keys, its positives sharing the target evenly.

    With one positive per query this is InfoNCE, Eq. 1 (queries are clips) and Eq. 2 (queries are reports):
    `-log exp(<v_i, u_i>/τ) / Σ_k exp(<v_i, u_k>/τ)`, averaged over i.

    Args:
        queries: `[B, E]`, L2-normalised.
        keys: `[N, E]`, L2-normalised; N is larger than B where keys are gathered across ranks.
        positives: `[B, N]` bool, at least one per row.
        temperature: τ.

    Returns:
        The mean over queries.
    """
    log_probability = torch.log_softmax(queries @ keys.T / temperature, dim=-1)
    targets = positives.to(log_probability.dtype)
    targets = targets / targets.sum(dim=-1, keepdim=True)
    return -(targets * log_probability).sum(dim=-1).mean()


def contrastive_loss(
    video: Tensor,
    text: Tensor,
    keys_video: Tensor,
    keys_text: Tensor,
    positives: Tensor,
    *,
    temperature: Tensor | float = 0.1,
    video_weight: float = 0.75,
) -> Tensor:
    """The weighted sum of both directions: `λ·l(v→u) + (1−λ)·l(u→v)`.

    Args:
        video: clip embeddings of this rank, `[B, E]`.
        text: report embeddings of this rank, `[B, E]`.
        keys_video: clip embeddings to compare with, `[N, E]`; `video` itself on one rank.
        keys_text: report embeddings to compare with, `[N, E]`.
        positives: `[B, N]` bool; identical reports count as positives.
        temperature: τ; 0.1 as in ConVIRT, the paper gives none.
        video_weight: λ; 0.75 as in ConVIRT, the paper gives none.
    """
    video_to_text = info_nce(video, keys_text, positives, temperature)
    text_to_video = info_nce(text, keys_video, positives, temperature)
    return video_weight * video_to_text + (1 - video_weight) * text_to_video
