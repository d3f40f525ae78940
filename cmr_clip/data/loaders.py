"""A training loader that knows where in an epoch it is, and can go on from there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from torch.utils.data import DataLoader, Dataset

from cmr_clip.data.samplers import PatientBatchSampler
from cmr_clip.errors import CheckpointMismatchError
from cmr_clip.runtime.stop_signals import ignore_stop_signals

__all__ = ["ResumableLoader"]

Sample = TypeVar("Sample")


class ResumableLoader(DataLoader[Sample]):
    """Batches of a `PatientBatchSampler`; Lightning keeps `state_dict()` in its checkpoints.

    The position is counted where batches are handed over, not where workers read ahead, so that a checkpoint saved
    after any step goes on with the very next batch.

    Args:
        dataset: takes a `Draw`.
        sampler: draws the batches.
        collate_fn: samples to a batch.
        num_workers: reading processes.
        pin_memory: hand batches over in page-locked memory, for faster copies to a GPU.
    """

    def __init__(
        self,
        dataset: Dataset[Sample],
        sampler: PatientBatchSampler,
        collate_fn: Callable[[Sequence[Sample]], Any],
        num_workers: int = 0,
        pin_memory: bool = False,
    ) -> None:
        super().__init__(
            dataset,
            batch_sampler=sampler,
            collate_fn=collate_fn,
            num_workers=num_workers,
            persistent_workers=num_workers > 0,
            worker_init_fn=ignore_stop_signals,
            pin_memory=pin_memory,
        )
        self._draws = sampler
        self._given = 0

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        """Iterate over what is left of the epoch.

        A generator on purpose: Lightning asks for the iterator before it sets the epoch of a resumed run, and workers
        would start to read the wrong one.
        """
        self._given = self._draws.skipped()
        for batch in super().__iter__():
            self._given += 1
            yield batch

    def state_dict(self) -> dict[str, int]:
        """The position: plain numbers."""
        draws = self._draws
        return {
            "epoch": draws.epoch,
            "batch": self._given,
            "global_batch_size": draws.global_batch_size,
            "studies": len(draws.patients),
            "seed": draws.seed,
        }

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on in the middle of an epoch.

        Raises:
            CheckpointMismatchError: the rest of the epoch would not be the same studies.
        """
        ours = self.state_dict()
        for name in ("global_batch_size", "studies", "seed"):
            if state[name] != ours[name]:
                raise CheckpointMismatchError(
                    f"the checkpoint was saved in the middle of an epoch with {name} {state[name]}, this run has "
                    f"{ours[name]}",
                    "go on with the same studies, seed and batch_size × ranks, or from a checkpoint of an epoch's end",
                )
        self._draws.first_batch = (state["epoch"], state["batch"])
