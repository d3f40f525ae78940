"""Findings read off embeddings by sentences alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from cmr_clip.data.probes import Probe, probe_truth, read_probes
from cmr_clip.errors import CmrClipError
from cmr_clip.metrics.zero_shot import zero_shot_aurocs
from cmr_clip.tables.embeddings import Vectors, mean_by, read_embeddings
from cmr_clip.tables.predictions import PREDICTION_COLUMNS, PredictionColumn
from cmr_clip.tasks.zero_shot import probe_directions
from cmr_clip.weights.pair import LoadedPair, load_contrastive
from preprocess.labels.splits import read_splits, studies_of_split
from preprocess.labels.table import read_labels
from preprocess.reports.tokenizer import load_tokenizer
from preprocess.store.manifest import ClipColumn

__all__ = ["ZeroShotResult", "score_findings", "score_studies", "study_means"]


@dataclass(frozen=True)
class ZeroShotResult:
    """Scores of studies for findings.

    Attributes:
        predictions: a table of predictions, see `cmr_clip.tables.predictions`; truth is NaN where unknown.
        aurocs: per finding, with the numbers of studies that have it and that do not.
    """

    predictions: pd.DataFrame
    aurocs: pd.DataFrame

    @property
    def n_studies(self) -> int:
        """Studies that were scored."""
        return int(self.predictions[PredictionColumn.STUDY].nunique())


def score_findings(
    checkpoint: Path,
    embeddings: Path,
    probes: Path,
    *,
    labels: Path | None = None,
    splits: Path | None = None,
    split: str = "test",
) -> ZeroShotResult:
    """Score the studies of an embeddings table for findings described in sentences.

    Args:
        checkpoint: of contrastive pretraining.
        embeddings: table of clip embeddings made with this very checkpoint.
        probes: YAML of findings in words.
        labels: label table for the AUROC of each finding.
        splits: split file, to score the studies of one split only.
        split: which.

    Raises:
        MendableError: a file is missing or holds something else, or none of the split's studies is embedded.
    """
    findings = read_probes(probes)
    keys, vectors = read_embeddings(embeddings)
    if splits is not None:
        chosen = keys[ClipColumn.STUDY].isin(studies_of_split(read_splits(splits), split)).to_numpy()
        keys, vectors = keys[chosen].reset_index(drop=True), vectors[chosen]
        if keys.empty:
            raise CmrClipError(f"no study of split {split!r} is in {embeddings}", "are both of one store?")
    truth = None if labels is None else probe_truth(read_labels(labels), findings)
    return score_studies(load_contrastive(checkpoint), keys, vectors, findings, truth)


def study_means(keys: pd.DataFrame, vectors: Vectors) -> tuple[pd.DataFrame, Vectors]:
    """Clips to studies: `study, patient` and the L2-normalised mean of each study's clips `[N, E]`."""
    codes, studies = pd.factorize(keys[ClipColumn.STUDY], sort=True)
    first = keys.drop_duplicates(ClipColumn.STUDY).set_index(ClipColumn.STUDY).loc[studies]
    table = pd.DataFrame(
        {ClipColumn.STUDY: np.asarray(studies), ClipColumn.PATIENT: first[ClipColumn.PATIENT].to_numpy()}
    )
    return table, mean_by(vectors, codes, len(studies))


def score_studies(
    pair: LoadedPair, keys: pd.DataFrame, vectors: Vectors, probes: Sequence[Probe], truth: pd.DataFrame | None
) -> ZeroShotResult:
    """Score every study for every finding.

    Args:
        pair: both towers; the embeddings must come from its video tower.
        keys: `study, patient, view, slice` of the clips.
        vectors: clip embeddings `[M, E]`, L2-normalised.
        probes: findings in words.
        truth: a column of 0, 1 or NaN per finding, indexed by study; None if unknown.

    Raises:
        CmrClipError: embeddings and text tower have different sizes.
    """
    studies, means = study_means(keys, vectors)
    directions = probe_directions(pair.model, probes, load_tokenizer(pair.tokenizer))
    if directions.shape[1] != means.shape[1]:
        raise CmrClipError(
            f"the embeddings have {means.shape[1]} numbers, the checkpoint's text tower {directions.shape[1]}",
            "make them with cmr-clip embed from this very checkpoint",
        )
    scores = torch.from_numpy(means) @ directions.T
    names = [probe.finding for probe in probes]
    known = pd.DataFrame(index=studies[ClipColumn.STUDY], columns=names, dtype=float) if truth is None else truth[names]
    labels = torch.tensor(known.reindex(studies[ClipColumn.STUDY]).to_numpy(np.float32))
    rows: list[pd.DataFrame] = []
    for name, truths, values in zip(names, labels.T.numpy(), scores.T.numpy(), strict=True):
        table = studies.copy()
        table[PredictionColumn.TARGET], table[PredictionColumn.MODEL] = name, "zero-shot"
        table[PredictionColumn.TRUTH], table[PredictionColumn.SCORE] = truths, values
        rows.append(table[list(PREDICTION_COLUMNS)])
    aurocs = pd.DataFrame(
        {
            "finding": names,
            "auroc": zero_shot_aurocs(scores, labels),
            "with": (labels == 1).sum(dim=0).tolist(),
            "without": (labels == 0).sum(dim=0).tolist(),
        }
    )
    return ZeroShotResult(pd.concat(rows), aurocs)
