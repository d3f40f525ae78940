"""What all data modules over a study store share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytorch_lightning as pl
from torch.utils.data import DataLoader, DistributedSampler, Subset

from cmr_clip.clips.reader import ClipReader, clip_keys
from cmr_clip.clips.spec import ClipSpec
from cmr_clip.data.datasets import Bag, StudyBagDataset, collate_bags
from cmr_clip.errors import CmrClipError, ConfigurationError
from cmr_clip.runtime.stop_signals import ignore_stop_signals
from cmr_clip.transforms.augmentation import Augmentation
from cmr_clip.transforms.clip_transform import ClipTransform
from preprocess.labels.splits import read_splits, studies_of_split
from preprocess.store.manifest import ClipColumn

__all__ = ["StoreDataModule", "check_least"]


def check_least(least: int, **settings: int) -> None:
    """Refuse settings of a data module that are too small.

    Args:
        least: the smallest value.
        settings: by name.

    Raises:
        ConfigurationError: one is smaller.
    """
    for name, value in settings.items():
        if value < least:
            raise ConfigurationError(f"data.init_args.{name} is {value}", f"give {least} or more")


class StoreDataModule(pl.LightningDataModule):
    """What all data modules over a store share: clips by split, and the device transform.

    Args:
        store: the study store.
        splits: CSV `patient,study,split`; without it only predicting is possible.
        clip: how a cine becomes a clip.
        augmentation: random changes while training.
        views: views to use; all by default.
        num_workers: reading processes.
        cache_mb: keep up to this many MB of read clips in memory, in each process.
        studies_per_eval_batch: studies in a batch of bags outside training.
        local_copy: folder on a fast local disk (or in `/dev/shm`) to copy study files to when they are first read.
    """

    def __init__(
        self,
        store: Path,
        splits: Path | None = None,
        clip: ClipSpec = ClipSpec(),  # noqa: B008 - frozen
        augmentation: Augmentation | None = None,
        views: list[str] | None = None,
        num_workers: int = 0,
        cache_mb: int = 0,
        studies_per_eval_batch: int = 4,
        local_copy: Path | None = None,
    ) -> None:
        super().__init__()
        check_least(1, studies_per_eval_batch=studies_per_eval_batch)
        check_least(0, num_workers=num_workers, cache_mb=cache_mb)
        self.store = Path(store)
        self.splits = None if splits is None else Path(splits)
        self.clip = clip
        self.views = views
        self.num_workers = num_workers
        self.studies_per_eval_batch = studies_per_eval_batch
        self._reader = ClipReader(self.store, clip.n_frames, cache_mb, local_copy)
        self._train_transform = ClipTransform(clip, augmentation)
        self._eval_transform = ClipTransform(clip)

    def manifest_of(self, split: str | None) -> pd.DataFrame:
        """The clip manifest of a split; of the whole store for None.

        Raises:
            CmrClipError: no split file, or the split has no study in the store.
        """
        manifest = clip_keys(self.store, self.views)
        if split is None:
            return manifest
        if self.splits is None:
            raise CmrClipError("data.init_args.splits is not set", "make it with cmr-preprocess splits")
        table = read_splits(self.splits)
        chosen: pd.DataFrame = manifest[manifest[ClipColumn.STUDY].isin(studies_of_split(table, split))]
        if chosen.empty:
            raise CmrClipError(f"no study of split {split!r} is in {self.store}", f"is {self.splits} of this store?")
        return chosen

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """Turn raw clips into network input, on the device."""
        training = self.trainer is not None and self.trainer.training
        return self.prepare(batch, training=training)

    def prepare(self, batch: Any, *, training: bool = False) -> Any:
        """Replace `raw` clips in a batch by normalised `clips`."""
        if "raw" not in batch:
            return batch
        transform = self._train_transform if training else self._eval_transform
        rest = {name: value for name, value in batch.items() if name != "raw"}
        return {**rest, "clips": transform(batch["raw"], batch.get("seeds"))}

    def _bag_loader(
        self,
        dataset: StudyBagDataset,
        batch_size: int,
        shuffle: bool = False,
        sampler: DistributedSampler[Bag] | None = None,
        only: range | None = None,
    ) -> DataLoader[Bag]:
        return DataLoader(
            dataset if only is None else Subset(dataset, only),
            batch_size=batch_size,
            shuffle=shuffle,
            sampler=sampler,
            collate_fn=collate_bags,
            num_workers=0 if dataset.features else self.num_workers,
            worker_init_fn=ignore_stop_signals,
        )

    def predict_dataloader(self) -> DataLoader[Bag]:
        """Every study of the store, split or not."""
        return self._bag_loader(StudyBagDataset(self.manifest_of(None), self._reader), self.studies_per_eval_batch)
