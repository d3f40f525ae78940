"""Retrieval against a slow oracle."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch.nn import functional as F

from cmr_clip.metrics.retrieval import _chance, retrieval_metrics


def slow_r_at(queries: torch.Tensor, keys: torch.Tensor, ids: list[int], k: int) -> float:
    hits = 0
    for row, query in enumerate(queries):
        order = sorted(range(len(keys)), key=lambda j: -float(query @ keys[j]))
        hits += any(ids[j] == ids[row] for j in order[:k])
    return hits / len(queries)


@pytest.mark.parametrize("ids", [list(range(12)), [0, 1, 2, 0, 3, 4, 5, 6, 1, 7, 8, 0]])
def test_recall_equals_sorting(ids: list[int]) -> None:
    torch.manual_seed(2)
    studies, reports = (F.normalize(torch.randn(12, 6), dim=-1) for _ in range(2))
    metrics = retrieval_metrics(studies, reports, torch.tensor(ids))
    for k in (1, 5, 10):
        forward, backward = slow_r_at(reports, studies, ids, k), slow_r_at(studies, reports, ids, k)
        assert metrics[f"text_to_study_r_at_{k}"] == pytest.approx(forward)
        assert metrics[f"study_to_text_r_at_{k}"] == pytest.approx(backward)
        assert metrics[f"r_at_{k}"] == pytest.approx((forward + backward) / 2)


def test_chance_equals_counting_all_orders() -> None:
    ids = [0, 1, 0, 2, 3]
    studies = torch.eye(5)
    metrics = retrieval_metrics(studies, studies, torch.tensor(ids), at=(1, 2))
    for k in (1, 2):
        orders = list(itertools.permutations(range(5)))
        hits = [sum(any(ids[j] == ids[i] for j in order[:k]) for order in orders) for i in range(5)]
        assert metrics[f"chance_at_{k}"] == pytest.approx(sum(hits) / 5 / len(orders))


def test_a_collapsed_model_is_not_rewarded_by_ties() -> None:
    same = F.normalize(torch.ones(8, 4), dim=-1)
    metrics = retrieval_metrics(same, same, torch.arange(8))
    assert metrics["r_at_5"] == 0.0
    assert metrics["median_rank"] == 8.0


def test_chance_is_computed_where_the_embeddings_are() -> None:
    """Tensors of another device refuse to meet those of the CPU; only the last step, to a number, fails on `meta`."""
    with pytest.raises(RuntimeError, match="item"):
        _chance(torch.empty(5, 5, device="meta", dtype=torch.bool), 3)
