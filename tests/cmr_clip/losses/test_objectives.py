"""Objectives against slow loops, and encoding in chunks against encoding at once."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from cmr_clip.losses.objectives import InfoNCE, SigLIP
from cmr_clip.models.chunked import encode_in_chunks


def pairs(n: int = 7, size: int = 5) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    video, text = (F.normalize(torch.randn(n, size, generator=generator, dtype=torch.float64), dim=1) for _ in "vt")
    reports = torch.arange(n)
    reports[3] = 0
    return video, text, reports[:, None] == reports[None, :]


def test_siglip_equals_a_loop_over_pairs() -> None:
    video, text, positives = pairs()
    got = SigLIP(0.25, bias=-2.0).double()(video, text, video, text, positives)
    total = 0.0
    for i in range(len(video)):
        for j in range(len(text)):
            sign = 1.0 if positives[i, j] else -1.0
            logit = sum(float(a * b) for a, b in zip(video[i], text[j], strict=True)) / 0.25 - 2.0
            total += math.log1p(math.exp(-sign * logit))
    assert float(got.detach()) == pytest.approx(total / len(video), abs=1e-7)  # the parameters were float32


def test_info_nce_equals_a_loop_over_pairs() -> None:
    video, text, positives = pairs()
    got = InfoNCE(0.5, video_weight=0.25).double()(video, text, video, text, positives)

    def direction(queries: torch.Tensor, keys: torch.Tensor) -> float:
        total = 0.0
        for i, query in enumerate(queries):
            exponentials = [math.exp(float(query @ key) / 0.5) for key in keys]
            own = [j for j in range(len(keys)) if positives[i, j]]
            total -= sum(math.log(exponentials[j] / sum(exponentials)) for j in own) / len(own)
        return total / len(queries)

    assert float(got) == pytest.approx(0.25 * direction(video, text) + 0.75 * direction(text, video), abs=1e-7)


def test_a_learnable_temperature_has_a_floor_and_gets_a_gradient() -> None:
    objective = InfoNCE(0.1, learn_temperature=True)
    video, text, positives = (t.float() if t.dtype.is_floating_point else t for t in pairs())
    objective(video, text, video, text, positives).backward()
    assert objective.log_temperature.grad is not None
    with torch.no_grad():
        objective.log_temperature.fill_(-50.0)
    assert float(objective.temperature) == pytest.approx(0.01)
    assert not InfoNCE().log_temperature.requires_grad


class Tower(nn.Module):
    def __init__(self, dropout: float) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.net = nn.Sequential(nn.Linear(6, 16), nn.GELU(), nn.Dropout(dropout), nn.Linear(16, 5)).double()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.normalize(self.net(x), dim=-1)


def gradients(chunk_size: int | None, dropout: float = 0.0) -> tuple[torch.Tensor, list[torch.Tensor]]:
    video_tower, text_tower = Tower(dropout), Tower(dropout)
    generator = torch.Generator().manual_seed(2)
    clips, reports = (torch.randn(10, 6, generator=generator, dtype=torch.float64) for _ in "vt")
    torch.manual_seed(9)
    video = encode_in_chunks(video_tower, (clips,), chunk_size)
    text = encode_in_chunks(text_tower, (reports,), chunk_size)
    loss = InfoNCE().double()(video, text, video, text, torch.eye(10, dtype=torch.bool))
    loss.backward()
    return loss.detach(), [p.grad for tower in (video_tower, text_tower) for p in tower.parameters()]


@pytest.mark.parametrize("chunk_size", [1, 3, 5, 10, 64])
def test_chunks_change_neither_loss_nor_gradient(chunk_size: int) -> None:
    loss, grads = gradients(None)
    chunked_loss, chunked_grads = gradients(chunk_size)
    torch.testing.assert_close(chunked_loss, loss, atol=1e-13, rtol=0)
    for ours, wanted in zip(chunked_grads, grads, strict=True):
        torch.testing.assert_close(ours, wanted, atol=1e-12, rtol=0)


def test_dropout_is_replayed_when_a_chunk_runs_again() -> None:
    """The gradient is that of the masks which the loss was computed with: check it numerically."""
    tower = Tower(0.5)
    clips = torch.randn(6, 6, generator=torch.Generator().manual_seed(2), dtype=torch.float64)

    def value() -> float:
        with torch.no_grad():
            torch.manual_seed(9)
            video = encode_in_chunks(tower, (clips,), 2)
        return float(InfoNCE().double()(video, fixed, fixed, fixed, torch.eye(6, dtype=torch.bool)))

    torch.manual_seed(9)
    with torch.no_grad():
        fixed = encode_in_chunks(tower, (clips,), 2)
    torch.manual_seed(9)
    video = encode_in_chunks(tower, (clips,), 2)
    InfoNCE().double()(video, fixed, fixed, fixed, torch.eye(6, dtype=torch.bool)).backward()
    weight = tower.net[0].weight
    step = 1e-6
    with torch.no_grad():
        weight[0, 0] += step
        above = value()
        weight[0, 0] -= 2 * step
        below = value()
    assert float(weight.grad[0, 0]) == pytest.approx((above - below) / (2 * step), rel=1e-5)


def test_chunks_hold_the_activations_of_one_chunk_only() -> None:
    tower = Tower(0.0)
    clips = torch.randn(64, 6, dtype=torch.float64)

    def kept(chunk_size: int | None) -> int:
        sizes: list[int] = []

        def pack(tensor: torch.Tensor) -> torch.Tensor:
            sizes.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            encode_in_chunks(tower, (clips,), chunk_size)
        return sum(sizes)

    assert kept(8) < kept(None) / 4
