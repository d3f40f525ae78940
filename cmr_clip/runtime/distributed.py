"""Gathering across ranks; every function is the identity on one rank."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.nn.functional import all_gather as all_gather_with_gradient
from torch.nn import functional as F

__all__ = [
    "RankSizes",
    "gather",
    "gather_with_gradient",
    "leave_together",
    "mean_over_ranks",
    "rank_sizes",
    "world_size",
]

RankSizes = list[int]
"""How many rows each rank holds; ranks may hold different numbers."""


def world_size() -> int:
    """Number of ranks; 1 without a process group."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank_sizes(rows: int, device: torch.device) -> RankSizes:
    """The number of rows of every rank, given this rank's."""
    if world_size() == 1:
        return [rows]
    sizes = torch.zeros(world_size(), dtype=torch.int64, device=device)
    sizes[dist.get_rank()] = rows
    dist.all_reduce(sizes)
    return [int(size) for size in sizes.tolist()]


def gather_with_gradient(tensor: Tensor, sizes: RankSizes) -> Tensor:
    """Concatenate `[B_r, …]` of all ranks to `[ΣB_r, …]`; gradients flow back to the rank they came from."""
    if world_size() == 1:
        return tensor
    parts = all_gather_with_gradient(_padded(tensor, max(sizes)))  # type: ignore[no-untyped-call]
    return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])


def gather(tensor: Tensor, sizes: RankSizes) -> Tensor:
    """Concatenate `[B_r, …]` of all ranks without gradient."""
    if world_size() == 1:
        return tensor
    padded = _padded(tensor.detach(), max(sizes))
    parts = [torch.empty_like(padded) for _ in sizes]
    dist.all_gather(parts, padded)
    return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])


def _padded(tensor: Tensor, rows: int) -> Tensor:
    """Collectives want equal shapes."""
    missing = rows - len(tensor)
    return F.pad(tensor, (0, 0) * (tensor.dim() - 1) + (0, missing)).contiguous()


def mean_over_ranks(value: Tensor) -> Tensor:
    """The mean of a scalar over ranks, without gradient."""
    value = value.detach().clone()
    if world_size() > 1:
        dist.all_reduce(value)
        value = value / world_size()
    return value


def leave_together() -> None:
    """Wait for all ranks and close the process group: gloo's own ending can wait for ever for a rank that has gone."""
    if dist.is_available() and dist.is_initialized():
        dist.barrier()
        dist.destroy_process_group()
