"""Studies as training samples: one clip and some sentences for pretraining, a bag of all clips otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import Dataset, default_collate

from cmr_clip.clips.batch import Clip, stack_clips
from cmr_clip.clips.reader import ClipKey, ClipReader
from cmr_clip.data.batches import BagBatch, PairBatch, pad_tokens
from cmr_clip.data.labels import StudyLabels
from cmr_clip.data.reports import ReportAssembler, Tokens
from cmr_clip.data.samplers import Draw
from preprocess.store.manifest import ClipColumn

__all__ = ["Bag", "PairDataset", "PairSample", "StudyBagDataset", "collate_bags", "collate_pairs"]


class PairSample(NamedTuple):
    """A clip and the sentences drawn with it."""

    clip: Clip
    tokens: Tokens
    report: int
    study: str
    seed: int


class PairDataset(Dataset[PairSample]):
    """One clip (random view, then random slice) and random sentences per study; asked for with a `Draw`.

    Args:
        manifest: clip manifest of the studies to use.
        reader: reads clips.
        reports: draws sentences.
    """

    def __init__(self, manifest: pd.DataFrame, reader: ClipReader, reports: ReportAssembler) -> None:
        self.reader = reader
        self.reports = reports
        self._views = _views_of_studies(manifest)
        self.keys = list(self._views)

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, draw: Draw) -> PairSample:
        rng = np.random.default_rng(draw.seed)
        patient, study = self.keys[draw.study]
        views = self._views[patient, study]
        view = sorted(views)[rng.integers(len(views))]
        index = views[view][rng.integers(len(views[view]))]
        clip = self.reader.read(ClipKey(patient, study, view, index))
        tokens, report = self.reports.draw(study, rng), self.reports.report_id(study)
        return PairSample(clip, tokens, report, study, draw.seed)


def _views_of_studies(manifest: pd.DataFrame) -> dict[tuple[str, str], dict[str, list[int]]]:
    studies: dict[tuple[str, str], dict[str, list[int]]] = {}
    columns = (manifest[name] for name in (ClipColumn.PATIENT, ClipColumn.STUDY, ClipColumn.VIEW, ClipColumn.SLICE))
    for patient, study, view, index in zip(*columns, strict=True):
        studies.setdefault((patient, study), {}).setdefault(view, []).append(int(index))
    return dict(sorted(studies.items()))


def collate_pairs(samples: Sequence[PairSample]) -> PairBatch:
    """Stack samples to a batch."""
    tokens, mask = pad_tokens([sample.tokens.ids for sample in samples])
    return {
        "raw": stack_clips([sample.clip for sample in samples]),
        "tokens": tokens,
        "mask": mask,
        "report": torch.tensor([sample.report for sample in samples]),
        "truncated": [sample.tokens.truncated for sample in samples],
        "study": [sample.study for sample in samples],
        "seeds": [sample.seed for sample in samples],
    }


class Bag(NamedTuple):
    """A study with all its N clips, or with the features of a frozen encoder in their place.

    Attributes:
        patient: key.
        study: key.
        names: (view, slice) of the clips.
        clips: N, or none where there are features.
        features: `[N, D]`.
        labels: truth by target, a scalar or `[T]`; NaN where missing.
        tokens: of the whole report.
        report: equal where the reports are word for word the same.
    """

    patient: str
    study: str
    names: list[tuple[str, int]]
    clips: list[Clip]
    features: Tensor | None
    labels: dict[str, Tensor]
    tokens: Tokens | None
    report: int


class StudyBagDataset(Dataset[Bag]):
    """Every study once, with every clip, in a fixed order.

    Args:
        manifest: clip manifest of the studies to use.
        reader: reads clips.
        labels: truth by study and target.
        reports: gives whole reports, where retrieval needs them.
    """

    def __init__(
        self,
        manifest: pd.DataFrame,
        reader: ClipReader,
        labels: StudyLabels | None = None,
        reports: ReportAssembler | None = None,
    ) -> None:
        self.reader = reader
        self.reports = reports
        self._views = _views_of_studies(manifest)
        self.keys = list(self._views)
        self.labels = labels
        self.features: dict[str, Tensor] = {}

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, index: int) -> Bag:
        patient, study = self.keys[index]
        names = [(view, number) for view, slices in sorted(self._views[patient, study].items()) for number in slices]
        features = self.features.get(study)
        wanted = names if features is None else []
        return Bag(
            patient=patient,
            study=study,
            names=names,
            clips=[self.reader.read(ClipKey(patient, study, *name)) for name in wanted],
            features=features,
            labels={} if self.labels is None else self.labels.of_study(study),
            tokens=None if self.reports is None else self.reports.whole(study),
            report=0 if self.reports is None else self.reports.report_id(study),
        )


def collate_bags(bags: Sequence[Bag]) -> BagBatch:
    """Chain the clips of several studies."""
    batch: BagBatch = {
        "counts": torch.tensor([len(bag.names) for bag in bags]),
        "patient": [bag.patient for bag in bags],
        "study": [bag.study for bag in bags],
        "clip_names": [bag.names for bag in bags],
        "labels": default_collate([bag.labels for bag in bags]),
        "report": torch.tensor([bag.report for bag in bags]),
    }
    _add_pixels(batch, bags)
    reports = [bag.tokens.ids for bag in bags if bag.tokens is not None]
    if reports:
        batch["tokens"], batch["mask"] = pad_tokens(reports)
    return batch


def _add_pixels(batch: BagBatch, bags: Sequence[Bag]) -> None:
    """Features `[M, D]` where every study has them, otherwise clips."""
    features = [bag.features for bag in bags if bag.features is not None]
    if len(features) == len(bags):
        batch["features"] = torch.cat(features)
    else:
        batch["raw"] = stack_clips([clip for bag in bags for clip in bag.clips])
