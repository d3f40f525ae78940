"""The metrics of all heads over one evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torchmetrics import Metric, MetricCollection

from cmr_clip.models.heads import Head
from cmr_clip.runtime.distributed import rank_sizes

__all__ = ["HeadMetrics", "is_labelled"]


def is_labelled(truth: Tensor) -> Tensor:
    """Which studies have a label: bool `[B]` for truth `[B]` or `[B, T]`, where NaN is missing."""
    return ~truth.isnan().reshape(len(truth), -1).any(dim=1)


class HeadMetrics(nn.Module):
    """Collects scores and truth of the labelled studies; a metric that is not defined is absent, never a good number.

    Args:
        heads: the targets.
    """

    def __init__(self, heads: Sequence[Head]) -> None:
        super().__init__()
        self._heads = list(heads)
        # by position: names of targets may hold dots, names of modules not
        self._collections = nn.ModuleList(head.metrics() for head in heads)
        self._labelled = [0] * len(heads)
        self._nothing: dict[int, tuple[Tensor, Tensor]] = {}

    def update(self, index: int, scores: Tensor, truth: Tensor) -> None:
        """Add the labelled studies of a batch.

        Args:
            index: position of the head.
            scores: what it predicts, `[B]` or `[B, S]`.
            truth: `[B]` or `[B, T]`, NaN where missing.
        """
        known = is_labelled(truth)
        labelled = (scores[known], self._heads[index].metric_target(truth[known]))
        self._nothing[index] = (labelled[0][:0], labelled[1][:0])
        if known.any():
            cast(MetricCollection, self._collections[index]).update(*labelled)
            self._labelled[index] += int(known.sum())

    def compute(self, device: torch.device) -> dict[str, Tensor]:
        """The metrics that are defined over the studies of all ranks, a scalar each as `target/metric`; starts anew."""
        values = {}
        for index, head in enumerate(self._heads):
            collection = cast(MetricCollection, self._collections[index])
            if sum(rank_sizes(self._labelled[index], device)):
                if not self._labelled[index] and index in self._nothing:
                    collection.update(*self._nothing[index])  # ranks exchange states, and must have the same kinds
                # one by one: a rank without a label has not learnt which metrics share their states
                members = cast("list[tuple[str, Metric]]", collection.items(keep_base=True, copy_state=False))
                values.update({f"{head.target}/{name}": metric.compute() for name, metric in members})
            collection.reset()
            self._labelled[index] = 0
        return {name: value for name, value in values.items() if not value.isnan()}
