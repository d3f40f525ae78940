"""Retrieval between reports and studies over a whole evaluation set."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["retrieval_metrics"]


def retrieval_metrics(
    studies: Tensor, reports: Tensor, report_ids: Tensor, at: tuple[int, ...] = (1, 5, 10)
) -> dict[str, float]:
    """Text-to-study and study-to-text retrieval.

    A hit is a study whose report is word for word the query's: with all reports different, the study itself. Ties
    count against the model. What is not defined is absent: without studies everything but `n`, and with embeddings that
    are not numbers everything but `n` and chance.

    Args:
        studies: study embeddings `[N, E]`, L2-normalised.
        reports: report embeddings `[N, E]`, L2-normalised.
        report_ids: `[N]`, equal where reports are identical.
        at: the k of R@k.

    Returns:
        `r_at_k` (mean of both directions), `text_to_study_r_at_k`, `study_to_text_r_at_k`, `median_rank` (both
        directions), `chance_at_k` (the same hits for a random order) and `n`.
    """
    metrics = {"n": float(len(studies))}
    if not len(studies):
        return metrics
    relevant = report_ids[:, None] == report_ids[None, :]
    metrics |= {f"chance_at_{k}": _chance(relevant, k) for k in at}
    similarity = reports @ studies.T
    if not similarity.isfinite().all():
        return metrics
    ranks = {
        "text_to_study": _first_hit(similarity, relevant),
        "study_to_text": _first_hit(similarity.T, relevant),
    }
    both = torch.cat(list(ranks.values()))
    metrics["median_rank"] = float(both.median())
    for k in at:
        metrics[f"r_at_{k}"] = float((both <= k).float().mean())
        for direction, rank in ranks.items():
            metrics[f"{direction}_r_at_{k}"] = float((rank <= k).float().mean())
    return metrics


def _first_hit(similarity: Tensor, relevant: Tensor) -> Tensor:
    """Rank (from 1) of each query's best relevant key; equal similarities of others rank before it. `[N]`."""
    best = similarity.masked_fill(~relevant, float("-inf")).max(dim=1, keepdim=True).values
    return ((similarity >= best) & ~relevant).sum(dim=1) + 1


def _chance(relevant: Tensor, k: int) -> float:
    """Mean probability that at least one of m relevant keys is among k random ones of N."""
    n = len(relevant)
    missed = torch.ones(n, dtype=torch.float64, device=relevant.device)
    wrong = n - relevant.sum(dim=1)
    for drawn in range(min(k, n)):
        missed = missed * (wrong - drawn).clamp(min=0) / (n - drawn)
    return float((1 - missed).mean())
