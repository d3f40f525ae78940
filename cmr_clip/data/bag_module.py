"""Data for multiple-instance heads: whole studies with labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytorch_lightning as pl
from torch import Tensor
from torch.utils.data import DataLoader, DistributedSampler

from cmr_clip.data.datasets import Bag, StudyBagDataset
from cmr_clip.data.labels import LabelTarget, StudyLabels, truth_of
from cmr_clip.data.store_module import StoreDataModule, check_least
from cmr_clip.errors import CmrClipError

__all__ = ["StudyBagDataModule"]


class StudyBagDataModule(StoreDataModule):
    """Whole studies with labels, for multiple-instance heads.

    Batches carry the truth of the targets that `use_targets` names; a task names its heads.

    Args:
        store: the study store.
        labels: CSV `study` plus the columns of the targets.
        splits: CSV `patient,study,split`.
        batch_size: studies per rank and step.
        **reading: how clips are read and made, see `StoreDataModule`.
    """

    def __init__(
        self,
        store: Path,
        labels: Path | None = None,
        splits: Path | None = None,
        batch_size: int = 8,
        **reading: Any,
    ) -> None:
        super().__init__(store, splits, **reading)
        check_least(1, batch_size=batch_size)
        self.batch_size = batch_size
        self._file = None if labels is None else Path(labels)
        self._labels: StudyLabels | None = None
        self._datasets: dict[str, StudyBagDataset] = {}

    def use_targets(self, targets: Sequence[LabelTarget]) -> None:
        """Read the label file as these targets take it; batches carry their truth from now on.

        Raises:
            CmrClipError: no target, no label file, a column is missing, or a label that its target does not take.
        """
        if not targets:
            raise CmrClipError("model.init_args.heads is empty", "name a head, or several: docs/heads.md")
        if self._file is None:
            raise CmrClipError("data.init_args.labels is not set", "make it with cmr-preprocess labels")
        self._labels = truth_of(self._file, targets)
        for dataset in self._datasets.values():
            dataset.labels = self._labels

    def dataset(self, split: str) -> StudyBagDataset:
        """The studies of a split; the same object at each call."""
        if split not in self._datasets:
            self._datasets[split] = StudyBagDataset(self.manifest_of(split), self._reader, self._labels)
        return self._datasets[split]

    def labels_of(self, split: str, target: str) -> Tensor:
        """The truth of a target over the N studies of a split, `[N]` or `[N, T]`, NaN where missing.

        Raises:
            CmrClipError: `use_targets` has not named it.
        """
        if self._labels is None:
            raise CmrClipError(f"no truth of target {target!r} was read", "name its head in use_targets")
        return self._labels.of_target(target, [study for _, study in self.dataset(split).keys])

    @property
    def has_augmentation(self) -> bool:
        """Whether training clips change at random."""
        return self._train_transform.augmentation is not None

    def eval_loader(self, split: str) -> DataLoader[Bag]:
        """Every study of a split once, in a fixed order."""
        return self._bag_loader(self.dataset(split), self.studies_per_eval_batch)

    def train_dataloader(self) -> DataLoader[Bag]:
        """Training studies in random order, each on one rank."""
        dataset, trainer = self.dataset("train"), cast(pl.Trainer, self.trainer)
        if trainer.world_size == 1:
            return self._bag_loader(dataset, self.batch_size, shuffle=True)
        share: DistributedSampler[Bag] = DistributedSampler(
            dataset, trainer.world_size, trainer.global_rank, shuffle=True
        )
        return self._bag_loader(dataset, self.batch_size, sampler=share)

    def val_dataloader(self) -> DataLoader[Bag]:
        """Validation studies."""
        return self.eval_loader("val")

    def test_dataloader(self) -> DataLoader[Bag]:
        """Test studies."""
        return self.eval_loader("test")
