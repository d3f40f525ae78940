"""Batches in which no patient occurs twice, across all ranks."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from torch.utils.data import Sampler

__all__ = ["Draw", "PatientBatchSampler"]


class Draw(NamedTuple):
    """One sample: which study, and the seed of everything random about it (view, slice, sentences, augmentation)."""

    study: int
    seed: int


class PatientBatchSampler(Sampler[list[Draw]]):
    """Each epoch visits every study once, in global batches of near-equal size that hold a patient at most once.

    Two studies of one patient in a batch would be each other's negatives. The global batches depend on the seed, the
    epoch and the global batch size only, so that all ranks draw the same ones and each takes its share; shares differ
    by one study where a global batch does not divide evenly.

    Args:
        patients: patient of each study.
        batch_size: studies per rank.
        seed: of the shuffling.
        rank: this process.
        world_size: number of processes.

    Attributes:
        epoch: whose order comes next.
        first_batch: (epoch, batch) to begin with, once, where an epoch goes on in its middle.
    """

    def __init__(self, patients: Sequence[str], batch_size: int, seed: int, rank: int = 0, world_size: int = 1) -> None:
        self.patients = list(patients)
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self.epoch = 0
        self.first_batch = (0, 0)
        self.sampler = self  # where Lightning looks for set_epoch
        self.global_batch_size = batch_size * world_size
        self._studies_of = Counter(self.patients)
        most = max(self._studies_of.values(), default=0)
        self._count = max(-(-len(self.patients) // self.global_batch_size), most)

    @property
    def smallest_batch(self) -> int:
        """Studies in the smallest global batch of this epoch."""
        return min((len(batch) for batch in self._global_batches(self.epoch)), default=0)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order comes next (Lightning calls this)."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Number of batches, the same in every epoch."""
        return self._count

    def __iter__(self) -> Iterator[list[Draw]]:
        rng = np.random.default_rng((self.seed, self.epoch, 1))
        seeds = rng.integers(2**63, size=len(self.patients))
        for batch in self._global_batches(self.epoch)[self.skipped() :]:
            # This rank's part; the first ranks take one more where the batch does not divide evenly.
            size, extra = divmod(len(batch), self.world_size)
            start = self.rank * size + min(self.rank, extra)
            own = batch[start : start + size + (self.rank < extra)]
            yield [Draw(index, int(seeds[index])) for index in own]

    def skipped(self) -> int:
        """Batches of this epoch that an earlier run has done."""
        epoch, batch = self.first_batch
        return batch if epoch == self.epoch else 0

    def _global_batches(self, epoch: int) -> list[list[int]]:
        """Deal the shuffled studies out, each to the smallest batch without its patient.

        Patients with most studies come first, since they are the hardest to place.
        """
        rng = np.random.default_rng((self.seed, epoch))
        order = rng.permutation(len(self.patients)).tolist()
        batches: list[list[int]] = [[] for _ in range(self._count)]
        members: list[set[str]] = [set() for _ in range(self._count)]
        smallest_first = [(0, number) for number in range(self._count)]
        for index in sorted(order, key=lambda index: -self._studies_of[self.patients[index]]):
            patient = self.patients[index]
            passed_over = []
            size, number = heapq.heappop(smallest_first)
            while patient in members[number]:
                passed_over.append((size, number))
                size, number = heapq.heappop(smallest_first)
            batches[number].append(index)
            members[number].add(patient)
            for entry in (*passed_over, (size + 1, number)):
                heapq.heappush(smallest_first, entry)
        return [rng.permutation(batch).tolist() for batch in batches]
