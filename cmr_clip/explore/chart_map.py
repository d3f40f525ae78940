"""The map: both projections of a cohort, its neighbours and the silhouettes of its classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from cmr_clip.explore.mapped import Cohort
from cmr_clip.explore.projection import UmapSettings, nearest, project, silhouette
from cmr_clip.explore.variables import Variable
from preprocess.store.manifest import ClipColumn

__all__ = ["ChartMap", "Unit", "coordinates", "make_map", "silhouettes"]

Unit = Literal["clip", "study"]


@dataclass(frozen=True)
class ChartMap:
    """Coordinates of clips `[N, 2]` and studies `[B, 2]`, and each study's neighbours with cosine similarities."""

    clips: npt.NDArray[np.float32]
    studies: npt.NDArray[np.float32]
    neighbours: npt.NDArray[np.int64]
    similarities: npt.NDArray[np.float32]


def make_map(cohort: Cohort, settings: UmapSettings) -> ChartMap:
    """Project clips and studies; placed ones (last in the cohort) go through the map fitted to the others."""
    n_clips = int((~cohort.clips["placed"].to_numpy(bool)).sum())
    n_studies = int((~cohort.studies["placed"].to_numpy(bool)).sum())
    clips = project(cohort.clip_vectors[:n_clips], cohort.clip_vectors[n_clips:], settings)
    studies = project(cohort.study_vectors[:n_studies], cohort.study_vectors[n_studies:], settings)
    rows, scores = nearest(cohort.study_vectors, n_studies)
    return ChartMap(np.concatenate(clips), np.concatenate(studies), rows, scores)


def coordinates(cohort: Cohort, chart: ChartMap) -> pd.DataFrame:
    """A row per clip and per study (`unit`): study, view, slice, x, y, placed."""
    clips = cohort.clips[[ClipColumn.STUDY, ClipColumn.VIEW, ClipColumn.SLICE, "placed"]].assign(
        x=chart.clips[:, 0], y=chart.clips[:, 1]
    )
    studies = cohort.studies[[ClipColumn.STUDY, "placed"]].assign(x=chart.studies[:, 0], y=chart.studies[:, 1])
    table = pd.concat([clips.assign(unit="clip"), studies.assign(unit="study")], ignore_index=True)
    table[ClipColumn.SLICE] = table[ClipColumn.SLICE].astype("Int64")
    ordered: pd.DataFrame = table[["unit", ClipColumn.STUDY, ClipColumn.VIEW, ClipColumn.SLICE, "x", "y", "placed"]]
    return ordered


def silhouettes(cohort: Cohort, variables: list[Variable]) -> dict[str, dict[str, Any]]:
    """Cosine silhouette of each categorical variable, without the placed studies.

    `score` is over what the variable describes, studies or clips; `clip_score` is over clips for all of them, so that
    a study's variable (phenotype) may be compared with a clip's (view).
    """
    study_of_clip = cohort.clips["study_row"].to_numpy()
    found = {}
    for variable in variables:
        if variable.kind != "category":
            continue
        table, vectors = (
            (cohort.clips, cohort.clip_vectors) if variable.level == "clip" else (cohort.studies, cohort.study_vectors)
        )
        codes = np.where(table["placed"].to_numpy(bool), -1, variable.codes)
        of_clips = codes if variable.level == "clip" else codes[study_of_clip]
        found[variable.name] = {
            "score": silhouette(vectors, codes),
            "clip_score": silhouette(cohort.clip_vectors, of_clips),
            "unit": variable.level,
            "n": int((codes >= 0).sum()),
            "n_classes": len(np.unique(codes[codes >= 0])),
        }
    return found
