"""A cohort to be mapped: its clips and studies, with an embedding for each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cmr_clip.errors import CmrClipError
from cmr_clip.tables.embeddings import Vectors, mean_by, read_embeddings
from preprocess.store.manifest import MANIFEST_FILES, ClipColumn, read_manifest

__all__ = ["STUDY_FACTS", "Cohort", "join_cohorts", "load_cohort"]

STUDY_FACTS = (ClipColumn.SEX, ClipColumn.AGE, ClipColumn.VENDOR, ClipColumn.MODEL, ClipColumn.FIELD_STRENGTH)
_CLIP_FACTS = (ClipColumn.ROW_SPACING, ClipColumn.COL_SPACING)


@dataclass(frozen=True)
class Cohort:
    """Clips and studies in rows; row i of a table belongs to row i of its vectors.

    Attributes:
        clips: study, patient, view, slice, spacing, `study_row` (row of its study), `placed`, `store`.
        clip_vectors: `[N, D]`, unit length.
        studies: study, `placed`, labels, predictions and technical facts.
        study_vectors: `[B, D]`, the normalised mean of a study's clips.
    """

    clips: pd.DataFrame
    clip_vectors: Vectors
    studies: pd.DataFrame
    study_vectors: Vectors


def load_cohort(
    embeddings: Path, store: Path, tables: list[pd.DataFrame] | None = None, *, placed: bool = False
) -> Cohort:
    """Read embeddings and join what the store and the tables know.

    Args:
        embeddings: Parquet table of clip embeddings.
        store: the study store that the clips were read from.
        tables: labels and predictions, each with a column `study`.
        placed: these studies are placed on a map that was made of others.
    """
    keys, vectors = read_embeddings(embeddings)
    manifest = read_manifest(store)
    # What the store knows of each clip
    on = [ClipColumn.STUDY, ClipColumn.VIEW, ClipColumn.SLICE]
    known = manifest[on + [name for name in _CLIP_FACTS if name in manifest.columns]]
    known = known.astype({ClipColumn.STUDY: str, ClipColumn.VIEW: str, ClipColumn.SLICE: int}).drop_duplicates(on)
    clips = keys.merge(known, on=on, how="left", indicator=True)
    lost = int((clips.pop("_merge") == "left_only").sum())
    if lost:
        raise CmrClipError(
            f"{lost} of {len(clips)} embedded clips are not in {store / MANIFEST_FILES[0]}",
            "give the store that these embeddings were made from",
        )
    codes, names = pd.factorize(clips[ClipColumn.STUDY])
    clips = clips.assign(study_row=codes, placed=placed, store=str(store))
    # What the store and the tables know of each study
    known = manifest[[ClipColumn.STUDY, *(name for name in STUDY_FACTS if name in manifest.columns)]]
    known = known.astype({ClipColumn.STUDY: str}).drop_duplicates(ClipColumn.STUDY)
    studies = pd.DataFrame({ClipColumn.STUDY: pd.Series(names, dtype=str)}).merge(
        known, on=ClipColumn.STUDY, how="left"
    )
    for table in tables or []:
        new = [name for name in table.columns if name == ClipColumn.STUDY or name not in studies.columns]
        studies = studies.merge(table[new], on=ClipColumn.STUDY, how="left")
    return Cohort(clips, vectors, studies.assign(placed=placed), mean_by(vectors, codes, len(names)))


def join_cohorts(cohort: Cohort, placed: Cohort | None) -> Cohort:
    """One cohort of both, the placed studies last."""
    if placed is None:
        return cohort
    ours, theirs = cohort.clip_vectors.shape[1], placed.clip_vectors.shape[1]
    if ours != theirs:
        raise CmrClipError(
            f"embeddings of {ours} and of {theirs} dimensions can't share a map", "embed both with the same model"
        )
    return Cohort(
        pd.concat(
            [cohort.clips, placed.clips.assign(study_row=placed.clips["study_row"] + len(cohort.studies))],
            ignore_index=True,
        ),
        np.concatenate([cohort.clip_vectors, placed.clip_vectors]),
        pd.concat([cohort.studies, placed.studies], ignore_index=True),
        np.concatenate([cohort.study_vectors, placed.study_vectors]),
    )
