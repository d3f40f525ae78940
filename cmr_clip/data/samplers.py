"""Batches in which no patient occurs twice, across all ranks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from torch.utils.data import Sampler

__all__ = ["Draw", "PatientBatchSampler"]


class Draw(NamedTuple):
    """One sample: which study, and the seed of its random view, slice and sentences."""

    study: int
    seed: int


class PatientBatchSampler(Sampler[list[Draw]]):
    """Each epoch visits every study once, in batches of near-equal size that hold a patient at most once.

    Two studies of one patient in a batch would be each other's negatives. The order depends on the seed and the
    epoch only, so that all ranks draw the same global batches and each takes its share.

    Args:
        patients: patient of each study.
        batch_size: studies per rank.
        seed: of the shuffling.
        rank: this process.
        world_size: number of processes.
    """

    def __init__(self, patients: Sequence[str], batch_size: int, seed: int, rank: int = 0, world_size: int = 1) -> None:
        self.patients = list(patients)
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self.epoch = 0
        self.sampler = self  # where Lightning looks for set_epoch
        self._studies_of = Counter(self.patients)
        most = max(self._studies_of.values(), default=0)
        self._count = max(-(-len(self.patients) // (batch_size * world_size)), most)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order comes next (Lightning calls this)."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Number of batches, the same in every epoch."""
        return self._count

    def __iter__(self) -> Iterator[list[Draw]]:
        rng = np.random.default_rng((self.seed, self.epoch, 1))
        seeds = rng.integers(2**63, size=len(self.patients))
        for batch in self._global_batches(self.epoch):
            share = len(batch) // self.world_size
            mine = batch[self.rank * share : (self.rank + 1) * share]
            yield [Draw(index, int(seeds[index])) for index in mine]

    def _global_batches(self, epoch: int) -> list[list[int]]:
        """Deal the shuffled studies out, each to the smallest batch without its patient.

        Patients with most studies come first, since they are the hardest to place.
        """
        rng = np.random.default_rng((self.seed, epoch))
        order = rng.permutation(len(self.patients)).tolist()
        batches: list[list[int]] = [[] for _ in range(self._count)]
        members: list[set[str]] = [set() for _ in range(self._count)]
        for index in sorted(order, key=lambda index: -self._studies_of[self.patients[index]]):
            patient = self.patients[index]
            free = (number for number in range(self._count) if patient not in members[number])
            slot = min(free, key=lambda number: len(batches[number]))
            batches[slot].append(index)
            members[slot].add(patient)
        return [rng.permutation(batch).tolist() for batch in batches]
