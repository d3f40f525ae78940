"""Decisions that all ranks must take together."""

from __future__ import annotations

import torch
import torch.distributed as dist

from cmr_clip.runtime.distributed import world_size

__all__ = ["RankVotes"]


class RankVotes:
    """Ranks vote on yes-or-no questions, over the CPU, so that no GPU has to finish its work first.

    Every rank makes it and every rank votes, in the same order.
    """

    def __init__(self) -> None:
        self._group = dist.new_group(backend="gloo") if world_size() > 1 else None

    def any(self, *wishes: bool) -> tuple[bool, ...]:
        """For each question: whether some rank said yes; the same answer on every rank."""
        if self._group is None:
            return wishes
        votes = torch.tensor(wishes, dtype=torch.int32)
        dist.all_reduce(votes, dist.ReduceOp.MAX, self._group)
        return tuple(bool(vote) for vote in votes)
