"""Gathering across ranks; every function is the identity on one rank."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.nn.functional import all_gather as all_gather_with_gradient

__all__ = ["gather", "gather_with_gradient", "mean_over_ranks", "world_size"]


def world_size() -> int:
    """Number of ranks; 1 without a process group."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def gather_with_gradient(tensor: Tensor) -> Tensor:
    """Concatenate `[B, …]` of all ranks to `[ranks·B, …]`; gradients flow back to the rank they came from."""
    if world_size() == 1:
        return tensor
    return torch.cat(list(all_gather_with_gradient(tensor)))  # type: ignore[no-untyped-call]


def gather(tensor: Tensor) -> Tensor:
    """Concatenate `[B, …]` of all ranks without gradient."""
    if world_size() == 1:
        return tensor
    parts = [torch.empty_like(tensor) for _ in range(world_size())]
    dist.all_gather(parts, tensor.contiguous())
    return torch.cat(parts)


def mean_over_ranks(value: Tensor) -> Tensor:
    """The mean of a scalar over ranks, without gradient."""
    value = value.detach().clone()
    if world_size() > 1:
        dist.all_reduce(value)
        value = value / world_size()
    return value
