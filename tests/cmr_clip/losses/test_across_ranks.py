"""Two and three gloo ranks give the loss and the gradients of one process."""

from __future__ import annotations

import os
import socket
from datetime import timedelta
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn
from torch.nn import functional as F

from cmr_clip.losses.flooding import flood
from cmr_clip.losses.objectives import ContrastiveObjective, InfoNCE, SigLIP
from cmr_clip.runtime.distributed import mean_over_ranks
from cmr_clip.tasks.pair_loss import Negatives, pair_loss

REPORTS = [0, 1, 2, 3, 0, 4, 5, 0]  # unequal duplicates on every rank
SHARES = {2: [5, 3], 3: [3, 3, 2]}


class Step(nn.Module):
    """Two small towers and an objective."""

    def __init__(self, objective: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.towers = nn.ModuleList([nn.Linear(6, 4), nn.Linear(5, 4)])
        kinds: dict[str, ContrastiveObjective] = {
            "info_nce": InfoNCE(0.2, learn_temperature=True),
            "siglip": SigLIP(0.3, bias=-1.0),
        }
        self.objective = kinds[objective]
        self.double()

    def forward(self, clips: torch.Tensor, texts: torch.Tensor, reports: torch.Tensor, how: Negatives) -> torch.Tensor:
        video, text = (F.normalize(net(x), dim=-1) for net, x in zip(self.towers, (clips, texts), strict=True))
        return pair_loss(self.objective, video, text, reports, how)


def data() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    clips = torch.randn(8, 6, generator=generator, dtype=torch.float64)
    texts = torch.randn(8, 5, generator=generator, dtype=torch.float64)
    return [clips, texts, torch.tensor(REPORTS)]


def rank_main(rank: int, port: int, level: float, objective: str, ranks: int, out: str) -> None:
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    dist.init_process_group("gloo", rank=rank, world_size=ranks, timeout=timedelta(seconds=60))
    step = Step(objective)
    wrapped = nn.parallel.DistributedDataParallel(step)
    own = [tensor.split(SHARES[ranks])[rank] for tensor in data()]
    loss = wrapped(*own, "gathered")
    mean = mean_over_ranks(loss)
    flood(loss, level, mean).backward()
    torch.save(float(loss), f"{out}.{rank}")
    if rank == 0:
        torch.save({"loss": mean, "grads": [p.grad for p in step.parameters()]}, out)
    dist.barrier()
    os._exit(0)  # gloo's own ending can wait for ever for a rank that has gone


def across(ranks: int, level: float, objective: str, out: Path) -> dict[str, object]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    mp.spawn(rank_main, (port, level, objective, ranks, str(out)), nprocs=ranks)
    return torch.load(out, weights_only=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ranks", "objective", "level"),
    [(2, "info_nce", 0.0), (2, "info_nce", 5.0), (3, "info_nce", 0.0), (3, "info_nce", 1.97), (3, "siglip", 0.0)],
)
def test_ranks_equal_one_process(ranks: int, objective: str, level: float, tmp_path: Path) -> None:
    step = Step(objective)
    loss = step(*data(), "gathered")
    flood(loss, level).backward()
    got = across(ranks, level, objective, tmp_path / "out.pt")
    torch.testing.assert_close(got["loss"], loss.detach(), atol=1e-12, rtol=0)
    for ours, wanted in zip(got["grads"], step.parameters(), strict=True):
        torch.testing.assert_close(ours, wanted.grad, atol=1e-12, rtol=0)


@pytest.mark.slow
def test_flooding_active_on_one_rank_only_follows_the_mean(tmp_path: Path) -> None:
    """A level between the ranks' losses: by itself each rank would choose another sign."""
    step = Step("info_nce")
    own = []
    across(2, 0.0, "info_nce", tmp_path / "probe.pt")
    own = [torch.load(tmp_path / f"probe.pt.{rank}", weights_only=True) for rank in range(2)]
    loss = step(*data(), "gathered")
    level = (max(own) + float(loss.detach())) / 2
    assert min(own) < level < max(own)
    flood(loss, level).backward()
    got = across(2, level, "info_nce", tmp_path / "out.pt")
    for ours, wanted in zip(got["grads"], step.parameters(), strict=True):
        torch.testing.assert_close(ours, wanted.grad, atol=1e-12, rtol=0)


def test_local_negatives_of_one_process_are_all_there_are() -> None:
    step = Step("info_nce")
    assert step(*data(), "local") == step(*data(), "gathered")
