"""Two gloo ranks give the loss and the gradients of one process."""

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

from cmr_clip.distributed import gather, gather_with_gradient, mean_over_ranks
from cmr_clip.losses.flooding import flood
from cmr_clip.losses.info_nce import contrastive_loss


def towers() -> nn.ModuleList:
    torch.manual_seed(0)
    return nn.ModuleList([nn.Linear(6, 4), nn.Linear(5, 4)]).double()


def data() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    clips = torch.randn(8, 6, generator=generator, dtype=torch.float64)
    texts = torch.randn(8, 5, generator=generator, dtype=torch.float64)
    reports = torch.tensor([0, 1, 2, 3, 0, 4, 5, 0])  # unequal duplicates on both ranks
    return clips, texts, reports


def loss_of(nets: nn.ModuleList, clips: torch.Tensor, texts: torch.Tensor, reports: torch.Tensor) -> torch.Tensor:
    video, text = F.normalize(nets[0](clips), dim=-1), F.normalize(nets[1](texts), dim=-1)
    positives = reports[:, None] == gather(reports)[None, :]
    return contrastive_loss(video, text, gather_with_gradient(video), gather_with_gradient(text), positives)


def rank_main(rank: int, port: int, level: float, out: str) -> None:
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    dist.init_process_group("gloo", rank=rank, world_size=2, timeout=timedelta(seconds=60))
    nets = towers()
    wrapped = nn.parallel.DistributedDataParallel(_Step(nets))
    part = slice(4 * rank, 4 * rank + 4)
    loss = wrapped(*(tensor[part] for tensor in data()))
    mean = mean_over_ranks(loss)
    flood(loss, level, mean).backward()
    if rank == 0:
        torch.save({"loss": mean, "grads": [p.grad for p in nets.parameters()]}, out)
    dist.barrier()
    os._exit(0)  # gloo's own ending can wait for ever for a rank that has gone


class _Step(nn.Module):
    def __init__(self, nets: nn.ModuleList) -> None:
        super().__init__()
        self.nets = nets

    def forward(self, clips: torch.Tensor, texts: torch.Tensor, reports: torch.Tensor) -> torch.Tensor:
        return loss_of(self.nets, clips, texts, reports)


@pytest.mark.slow
@pytest.mark.parametrize("level", [0.0, 5.0])
def test_two_ranks_equal_one(level: float, tmp_path: Path) -> None:
    nets = towers()
    loss = loss_of(nets, *data())
    flood(loss, level).backward()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    mp.spawn(rank_main, (port, level, str(tmp_path / "out.pt")), nprocs=2)
    got = torch.load(tmp_path / "out.pt", weights_only=True)
    torch.testing.assert_close(got["loss"], loss.detach(), atol=1e-12, rtol=0)
    for ours, wanted in zip(got["grads"], nets.parameters(), strict=True):
        torch.testing.assert_close(ours, wanted.grad, atol=1e-12, rtol=0)
