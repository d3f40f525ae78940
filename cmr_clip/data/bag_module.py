"""Data for multiple-instance heads: whole studies with labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytorch_lightning as pl
from torch import Tensor
from torch.utils.data import DataLoader, DistributedSampler

from cmr_clip.data.datasets import Bag, StudyBagDataset
from cmr_clip.data.store_module import StoreDataModule
from cmr_clip.errors import CmrClipError
from preprocess.labels.table import read_labels

__all__ = ["StudyBagDataModule"]


class StudyBagDataModule(StoreDataModule):
    """Whole studies with labels, for multiple-instance heads.

    Args:
        store: the study store.
        labels: CSV `study` plus a column per target.
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
        self.batch_size = batch_size
        self._labels = None if labels is None else Path(labels)
        self._datasets: dict[str, StudyBagDataset] = {}

    def dataset(self, split: str) -> StudyBagDataset:
        """The labelled studies of a split; the same object at each call.

        Raises:
            CmrClipError: no label file.
        """
        if split not in self._datasets:
            if self._labels is None:
                raise CmrClipError("data.init_args.labels is not set", "make it with cmr-preprocess labels")
            labels = read_labels(self._labels).select_dtypes("number")
            self._datasets[split] = StudyBagDataset(self.manifest_of(split), self._reader, labels)
        return self._datasets[split]

    def labels_of(self, split: str, target: str) -> Tensor:
        """A target over the studies of a split, NaN where missing.

        Raises:
            CmrClipError: the label file has no such column of numbers.
        """
        dataset = self.dataset(split)
        bags = [dataset.labels_of(study) for _, study in dataset.keys]
        if target not in bags[0]:
            raise CmrClipError(f"no column of numbers {target!r} in {self._labels}", f"it has {sorted(bags[0])}")
        return Tensor([labels[target] for labels in bags])

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
