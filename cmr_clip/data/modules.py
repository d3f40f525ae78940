"""LightningDataModules over the study store."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, cast

import pandas as pd
import pytorch_lightning as pl
from torch import Tensor
from torch.utils.data import DataLoader, DistributedSampler

from cmr_clip.data.clips import ClipReader, ClipSpec, clip_keys
from cmr_clip.data.datasets import Bag, PairDataset, PairSample, StudyBagDataset, collate_bags, collate_pairs
from cmr_clip.data.reports import ReportAssembler
from cmr_clip.data.samplers import PatientBatchSampler
from cmr_clip.errors import CmrClipError
from cmr_clip.transforms.clip_transform import Augmentation, ClipTransform
from preprocess.tables import SentenceIndex, read_labels, read_sentences, read_splits

__all__ = ["ContrastiveDataModule", "StoreDataModule", "StudyBagDataModule"]

_log = logging.getLogger(__name__)


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
    ) -> None:
        super().__init__()
        self.store = Path(store)
        self.splits = None if splits is None else Path(splits)
        self.clip = clip
        self.views = views
        self.num_workers = num_workers
        self.studies_per_eval_batch = studies_per_eval_batch
        self._reader = ClipReader(self.store, clip.n_frames, cache_mb)
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
        chosen: pd.DataFrame = manifest[manifest["study"].isin(table.loc[table["split"] == split, "study"])]
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
        return {**{k: v for k, v in batch.items() if k != "raw"}, "clips": transform(batch["raw"])}

    def _bag_loader(
        self,
        dataset: StudyBagDataset,
        batch_size: int,
        shuffle: bool = False,
        sampler: DistributedSampler[Bag] | None = None,
    ) -> DataLoader[Bag]:
        return DataLoader(
            dataset,
            batch_size=batch_size,
            shuffle=shuffle,
            sampler=sampler,
            collate_fn=collate_bags,
            num_workers=0 if dataset.features else self.num_workers,
        )

    def predict_dataloader(self) -> DataLoader[Bag]:
        """Every study of the store, split or not."""
        return self._bag_loader(StudyBagDataset(self.manifest_of(None), self._reader), self.studies_per_eval_batch)


class ContrastiveDataModule(StoreDataModule):
    """Clips and report sentences for pretraining; whole studies and reports for retrieval.

    Args:
        store: the study store.
        sentences: sentence index, made by `cmr-preprocess reports`.
        splits: CSV `patient,study,split`.
        clip: how a cine becomes a clip.
        augmentation: random changes while training.
        batch_size: studies per rank and step.
        n_sentences: drawn per step; the paper's five.
        max_tokens: longest token sequence, special tokens included.
        views: views to use; all by default.
        num_workers: reading processes.
        cache_mb: keep up to this many MB of read clips in memory, in each process.
        studies_per_eval_batch: studies in a batch outside training.
        seed: of the sampler.
    """

    def __init__(
        self,
        store: Path,
        sentences: Path,
        splits: Path,
        clip: ClipSpec = ClipSpec(),  # noqa: B008 - frozen
        augmentation: Augmentation | None = None,
        batch_size: int = 32,
        n_sentences: int = 5,
        max_tokens: int = 256,
        views: list[str] | None = None,
        num_workers: int = 0,
        cache_mb: int = 0,
        studies_per_eval_batch: int = 4,
        seed: int = 0,
    ) -> None:
        super().__init__(store, splits, clip, augmentation, views, num_workers, cache_mb, studies_per_eval_batch)
        self.batch_size = batch_size
        self.seed = seed
        self._sentences = Path(sentences)
        self._sizes = (n_sentences, max_tokens)

    def setup(self, stage: str) -> None:
        """Read the sentence index."""
        self._reports = ReportAssembler(read_sentences(self._sentences), *self._sizes)

    @property
    def sentence_index(self) -> SentenceIndex:
        """The sentences of all reports; there after `setup`."""
        return self._reports.index

    def _manifest_with_reports(self, split: str) -> pd.DataFrame:
        clips = self.manifest_of(split)
        manifest: pd.DataFrame = clips[clips["study"].isin(list(self._reports.index.studies))]
        missing = clips["study"].nunique() - manifest["study"].nunique()
        if missing:
            _log.warning("%d studies of split %s have no report and are left out", missing, split)
        if manifest.empty:
            raise CmrClipError(
                f"no study of split {split!r} has a report in {self._sentences}",
                "were both made with one site key?",
            )
        return manifest

    def train_dataloader(self) -> DataLoader[PairSample]:
        """One clip per study and epoch."""
        dataset = PairDataset(self._manifest_with_reports("train"), self._reader, self._reports)
        trainer = cast(pl.Trainer, self.trainer)
        sampler = PatientBatchSampler(
            [patient for patient, _ in dataset.keys],
            self.batch_size,
            self.seed,
            trainer.global_rank,
            trainer.world_size,
        )
        return DataLoader(
            dataset,
            batch_sampler=sampler,
            collate_fn=collate_pairs,
            num_workers=self.num_workers,
            persistent_workers=self.num_workers > 0,
        )

    def _retrieval_loader(self, split: str) -> DataLoader[Bag]:
        dataset = StudyBagDataset(self._manifest_with_reports(split), self._reader, reports=self._reports)
        return self._bag_loader(dataset, self.studies_per_eval_batch)

    def val_dataloader(self) -> DataLoader[Bag]:
        """All clips and the whole report of each validation study."""
        return self._retrieval_loader("val")

    def test_dataloader(self) -> DataLoader[Bag]:
        """All clips and the whole report of each test study."""
        return self._retrieval_loader("test")


class StudyBagDataModule(StoreDataModule):
    """Whole studies with labels, for multiple-instance heads.

    Args:
        store: the study store.
        labels: CSV `study` plus a column per target.
        splits: CSV `patient,study,split`.
        clip: how a cine becomes a clip.
        augmentation: random changes while training.
        batch_size: studies per rank and step.
        views: views to use; all by default.
        num_workers: reading processes.
        cache_mb: keep up to this many MB of read clips in memory, in each process.
        studies_per_eval_batch: studies in a batch outside training.
    """

    def __init__(
        self,
        store: Path,
        labels: Path | None = None,
        splits: Path | None = None,
        clip: ClipSpec = ClipSpec(),  # noqa: B008 - frozen
        augmentation: Augmentation | None = None,
        batch_size: int = 8,
        views: list[str] | None = None,
        num_workers: int = 0,
        cache_mb: int = 0,
        studies_per_eval_batch: int = 4,
    ) -> None:
        super().__init__(store, splits, clip, augmentation, views, num_workers, cache_mb, studies_per_eval_batch)
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
