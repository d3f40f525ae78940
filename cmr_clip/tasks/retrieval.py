"""What validation collects: an embedding and a report per study, over all ranks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from cmr_clip.metrics.retrieval import retrieval_metrics
from cmr_clip.metrics.zero_shot import zero_shot_aurocs
from cmr_clip.runtime.distributed import gather, rank_sizes

__all__ = ["CollectedStudies", "StudyRetrieval"]


@dataclass(frozen=True)
class CollectedStudies:
    """N studies of an evaluation set.

    Attributes:
        studies: `[N, E]`, L2-normalised means over the studies' clips.
        reports: `[N, E]`.
        report_ids: `[N]`, equal where reports are identical.
        truth: `[N, K]` of the zero-shot probes: 0, 1 or NaN.
    """

    studies: Tensor
    reports: Tensor
    report_ids: Tensor
    truth: Tensor

    def metrics(self, findings: list[str], directions: Tensor | None) -> dict[str, float]:
        """`retrieval/…`, and with prompt directions `[K, E]` also `zero_shot/<finding>` and their mean.

        What the studies do not define is absent.
        """
        retrieval = retrieval_metrics(self.studies, self.reports, self.report_ids)
        metrics = {f"retrieval/{name}": value for name, value in retrieval.items()}
        if directions is not None:
            aurocs = zero_shot_aurocs(self.studies @ directions.T, self.truth)
            known = {name: auroc for name, auroc in zip(findings, aurocs, strict=True) if not math.isnan(auroc)}
            metrics.update({f"zero_shot/{name}": auroc for name, auroc in known.items()})
            if known:
                metrics["zero_shot/mean"] = sum(known.values()) / len(known)
        return metrics


class StudyRetrieval:
    """Collects batches of an evaluation epoch."""

    def __init__(self) -> None:
        self._parts: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []

    def add(self, studies: Tensor, reports: Tensor, report_ids: Tensor, truth: dict[str, Tensor]) -> None:
        """Keep a batch: `[B, E]` study means, `[B, E]` reports, `[B]` ids and per probe `[B]` truth."""
        labels = torch.stack(list(truth.values()), dim=1) if truth else studies.new_zeros(len(studies), 0)
        self._parts.append((F.normalize(studies.float(), dim=-1), reports.float(), report_ids, labels.float()))

    def collect(self, embed_dim: int, n_probes: int, device: torch.device) -> CollectedStudies:
        """Everything that all ranks have added since the last call."""
        nothing = (
            torch.zeros(0, embed_dim, device=device),
            torch.zeros(0, embed_dim, device=device),
            torch.zeros(0, dtype=torch.int64, device=device),
            torch.zeros(0, n_probes, device=device),
        )
        own = [torch.cat(parts) for parts in zip(nothing, *self._parts, strict=True)]
        self._parts = []
        sizes = rank_sizes(len(own[0]), device)
        return CollectedStudies(*(gather(part, sizes) for part in own))
