"""Data for contrastive pretraining: clips with sentences, and whole studies with reports for retrieval."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import cast

import pandas as pd
import pytorch_lightning as pl
from torch.utils.data import DataLoader

from cmr_clip.data.clips import ClipSpec
from cmr_clip.data.datasets import Bag, PairDataset, PairSample, StudyBagDataset, collate_pairs
from cmr_clip.data.reports import ReportAssembler
from cmr_clip.data.samplers import PatientBatchSampler
from cmr_clip.data.store_module import StoreDataModule
from cmr_clip.errors import CmrClipError
from cmr_clip.transforms.clip_transform import Augmentation
from preprocess.tables import SentenceIndex, read_sentences

__all__ = ["ContrastiveDataModule"]

_log = logging.getLogger(__name__)


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
