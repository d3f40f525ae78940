"""Metrics of heads: what is not defined is absent, and ranks count together."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from cmr_clip.models.heads import BinaryHead, Head, RegressionHead
from cmr_clip.tasks.head_metrics import HeadMetrics

SCORES = torch.tensor([0.1, 0.7, 0.4, 0.9, 0.3, 0.6])
TRUTH = {
    "one_rank_has_none": [0.0, 1, 1, 0, float("nan"), float("nan")],
    "each_has_one_class": [0.0, 0, 0, 0, 1, 1],
    "one_class": [1.0] * 6,
}
SHARES = [slice(0, 4), slice(4, 6)]


def computed(head: Head, truth: torch.Tensor, scores: torch.Tensor) -> dict[str, float]:
    """The metrics of this rank's share, twice: the second epoch starts anew."""
    metrics = HeadMetrics([head])
    for _ in range(2):
        metrics.update(0, scores, truth)
        values = metrics.compute(torch.device("cpu"))
    return {name: float(value) for name, value in values.items()}


def heads() -> list[Head]:
    return [BinaryHead("a"), RegressionHead("b")]


def rank_main(rank: int, folder: str) -> None:
    dist.init_process_group(
        "gloo", init_method=f"file://{folder}/ranks", rank=rank, world_size=2, timeout=timedelta(seconds=60)
    )
    own = SHARES[rank]
    found = {n: [computed(head, torch.tensor(t)[own], SCORES[own]) for head in heads()] for n, t in TRUTH.items()}
    (Path(folder) / f"{rank}.json").write_text(json.dumps(found))
    dist.barrier()
    dist.destroy_process_group()


def test_two_ranks_give_the_metrics_of_one_process(tmp_path: Path) -> None:
    mp.spawn(rank_main, (str(tmp_path),), nprocs=2)
    wanted = {name: [computed(head, torch.tensor(truth), SCORES) for head in heads()] for name, truth in TRUTH.items()}
    for rank in (0, 1):
        found = json.loads((tmp_path / f"{rank}.json").read_text())
        assert found.keys() == wanted.keys()
        for name, values in wanted.items():
            assert found[name] == [pytest.approx(value) for value in values], name


def test_one_class_has_no_ranking_and_no_label_no_metric() -> None:
    binary, number = heads()
    assert computed(binary, torch.ones(6), SCORES) == computed(binary, torch.zeros(6), SCORES) == {}
    assert computed(binary, torch.full((6,), torch.nan), SCORES) == {}
    assert computed(number, torch.full((6,), torch.nan), SCORES) == {}
    assert computed(number, SCORES + 0.5, SCORES) == {"b/mae": pytest.approx(0.5)}
    found = computed(binary, torch.tensor(TRUTH["one_rank_has_none"]), SCORES)
    assert found == {"a/auroc": pytest.approx(0.5), "a/average_precision": pytest.approx(7 / 12)}
