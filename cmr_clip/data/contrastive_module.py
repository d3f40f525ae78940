"""Data for contrastive pretraining: clips with sentences, and whole studies with reports for retrieval."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, cast

import pandas as pd
import pytorch_lightning as pl
from torch.utils.data import DataLoader

from cmr_clip.data.datasets import Bag, PairDataset, PairSample, StudyBagDataset, collate_pairs
from cmr_clip.data.labels import StudyLabels, numbers_of
from cmr_clip.data.loaders import ResumableLoader
from cmr_clip.data.probes import Probe, probe_truth, read_probes
from cmr_clip.data.reports import ReportAssembler
from cmr_clip.data.samplers import PatientBatchSampler
from cmr_clip.data.store_module import StoreDataModule, check_least
from cmr_clip.errors import CmrClipError
from preprocess.labels.table import read_labels
from preprocess.reports.index import SentenceIndex, read_sentences
from preprocess.store.manifest import ClipColumn

__all__ = ["ContrastiveDataModule"]

_log = logging.getLogger(__name__)


class ContrastiveDataModule(StoreDataModule):
    """Clips and report sentences for pretraining; whole studies and reports for retrieval.

    Args:
        store: the study store.
        sentences: sentence index, made by `cmr-preprocess reports`.
        splits: CSV `patient,study,split`.
        batch_size: studies per rank and step.
        n_sentences: drawn per step; the paper's five.
        max_tokens: longest token sequence, special tokens included.
        seed: of everything random about the training samples.
        labels: CSV `study` plus columns, for zero-shot probes while validating.
        probes: YAML of text prompts per finding, see docs/pretraining.md.
        **reading: how clips are read and made, see `StoreDataModule`.
    """

    def __init__(
        self,
        store: Path,
        sentences: Path,
        splits: Path,
        batch_size: int = 32,
        n_sentences: int = 5,
        max_tokens: int = 256,
        seed: int = 0,
        labels: Path | None = None,
        probes: Path | None = None,
        **reading: Any,
    ) -> None:
        super().__init__(store, splits, **reading)
        check_least(1, batch_size=batch_size, n_sentences=n_sentences)
        self.batch_size = batch_size
        self.seed = seed
        self._probe_files = (labels, probes)
        self.probes: list[Probe] = []
        self._truth: StudyLabels | None = None
        self._sentences = Path(sentences)
        self._sizes = (n_sentences, max_tokens)

    def setup(self, stage: str) -> None:
        """Read the sentence index, and the probes with their truth where there are any."""
        self._reports = ReportAssembler(read_sentences(self._sentences), *self._sizes)
        labels, probes = self._probe_files
        if (labels is None) != (probes is None):
            raise CmrClipError("zero-shot probes need both data.init_args.labels and data.init_args.probes")
        if labels is not None and probes is not None:
            self.probes = read_probes(Path(probes))
            self._truth = numbers_of(probe_truth(read_labels(Path(labels)), self.probes))

    @property
    def sentence_index(self) -> SentenceIndex:
        """The sentences of all reports; there after `setup`."""
        return self._reports.index

    def _manifest_with_reports(self, split: str) -> pd.DataFrame:
        clips = self.manifest_of(split)
        manifest: pd.DataFrame = clips[clips[ClipColumn.STUDY].isin(list(self._reports.index.studies))]
        missing = clips[ClipColumn.STUDY].nunique() - manifest[ClipColumn.STUDY].nunique()
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
        patients = [patient for patient, _ in dataset.keys]
        sampler = PatientBatchSampler(patients, self.batch_size, self.seed, trainer.global_rank, trainer.world_size)
        if sampler.smallest_batch < trainer.world_size:
            raise CmrClipError(
                f"{len(patients)} training studies of {len(set(patients))} patients make batches of "
                f"{sampler.smallest_batch} for {trainer.world_size} ranks",
                "use fewer ranks",
            )
        on_gpu = trainer.strategy.root_device.type == "cuda"
        return ResumableLoader(dataset, sampler, collate_pairs, self.num_workers, pin_memory=on_gpu)

    def _retrieval_loader(self, split: str) -> DataLoader[Bag]:
        manifest = self._manifest_with_reports(split)
        dataset = StudyBagDataset(manifest, self._reader, self._truth, self._reports)
        trainer = cast(pl.Trainer, self.trainer)
        mine = range(trainer.global_rank, len(dataset), trainer.world_size)
        return self._bag_loader(dataset, self.studies_per_eval_batch, only=mine)

    def val_dataloader(self) -> DataLoader[Bag]:
        """All clips and the whole report of this rank's share of the validation studies."""
        return self._retrieval_loader("val")

    def test_dataloader(self) -> DataLoader[Bag]:
        """All clips and the whole report of this rank's share of the test studies."""
        return self._retrieval_loader("test")
