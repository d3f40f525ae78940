"""Losses against slow, obvious oracles."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from cmr_clip.losses.flooding import flood
from cmr_clip.losses.info_nce import contrastive_loss, info_nce


def unit(*shape: int, seed: int = 0) -> torch.Tensor:
    return F.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64), dim=-1)


def slow_info_nce(queries: torch.Tensor, keys: torch.Tensor, tau: float) -> float:
    """Eq. 1 as printed: the positive of query i is key i."""
    total = 0.0
    for i, query in enumerate(queries):
        scores = [math.exp(float(query @ key) / tau) for key in keys]
        total += -math.log(scores[i] / sum(scores))
    return total / len(queries)


def test_info_nce_equals_the_equation() -> None:
    video, text = unit(5, 8, seed=1), unit(5, 8, seed=2)
    eye = torch.eye(5, dtype=torch.bool)
    assert float(info_nce(video, text, eye, 0.1)) == pytest.approx(slow_info_nce(video, text, 0.1), abs=1e-12)
    loss = contrastive_loss(video, text, video, text, eye, temperature=0.1, video_weight=0.75)
    wanted = 0.75 * slow_info_nce(video, text, 0.1) + 0.25 * slow_info_nce(text, video, 0.1)
    assert float(loss) == pytest.approx(wanted, abs=1e-12)


def test_identical_reports_share_the_target() -> None:
    video, text = unit(3, 8, seed=1), unit(3, 8, seed=2)
    text[2] = text[0]
    positives = torch.tensor([[1, 0, 1], [0, 1, 0], [1, 0, 1]], dtype=torch.bool)
    total = 0.0
    for i in range(3):
        log_p = torch.log_softmax(video[i] @ text.T / 0.2, dim=0)
        chosen = [float(log_p[j]) for j in range(3) if positives[i, j]]
        total -= sum(chosen) / len(chosen)
    assert float(info_nce(video, text, positives, 0.2)) == pytest.approx(total / 3, abs=1e-12)


@pytest.mark.parametrize("value", [0.01, 0.05, 0.4])
def test_flooding_is_the_absolute_distance_from_the_level(value: float) -> None:
    loss = torch.tensor(value, dtype=torch.float64, requires_grad=True)
    flooded = flood(loss, 0.05)
    assert float(flooded.detach()) == pytest.approx(abs(value - 0.05) + 0.05)
    flooded.backward()
    assert loss.grad is not None
    assert float(loss.grad) == (1.0 if value >= 0.05 else -1.0)


def test_the_flooding_sign_comes_from_the_mean_over_ranks() -> None:
    loss = torch.tensor(0.01, requires_grad=True)
    flood(loss, 0.05, mean_loss=torch.tensor(0.2)).backward()
    assert loss.grad is not None
    assert float(loss.grad) == 1.0
