"""What studies are known for, a column each: labels, and predictions of one or several models."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from cmr_clip.errors import CmrClipError
from cmr_clip.tables.predictions import read_predictions
from preprocess.labels.table import read_labels
from preprocess.store.manifest import ClipColumn

__all__ = ["join_labels", "predicted_columns"]


def join_labels(paths: Iterable[Path]) -> pd.DataFrame:
    """Label tables joined by study: the column `study` and a column per target.

    Raises:
        CmrClipError: two tables have the same target.
        PreprocessError: a table is no label table.
    """
    joined: pd.DataFrame = pd.DataFrame({ClipColumn.STUDY: pd.Series(dtype=str)})
    for path in paths:
        labels = read_labels(path).drop(columns=ClipColumn.PATIENT, errors="ignore").reset_index()
        twice = sorted(set(labels.columns) & set(joined.columns) - {ClipColumn.STUDY})
        if twice:
            raise CmrClipError(f"{path} repeats the label {', '.join(twice)}", "give each label in one table")
        joined = joined.merge(labels, on=ClipColumn.STUDY, how="outer")
    return joined


def predicted_columns(path: Path) -> pd.DataFrame:
    """A table of predictions as a column per target, `predicted <target>`; several models are told apart by name.

    Raises:
        CmrClipError: a model predicts a target twice for a study.
        PreprocessError: no table of predictions.
    """
    predictions = list(read_predictions(path))
    has_several = len({prediction.model for prediction in predictions}) > 1
    studies: dict[str, dict[str, float]] = {}
    for prediction in predictions:
        name = f"predicted {prediction.target}" + (f" ({prediction.model})" if has_several else "")
        scores = studies.setdefault(prediction.study, {})
        if name in scores:
            raise CmrClipError(f"{path} predicts {prediction.target!r} twice for a study", "keep one row for each")
        scores[name] = prediction.score
    known = {name for scores in studies.values() for name, score in scores.items() if not math.isnan(score)}
    names = sorted(known)
    rows = [{ClipColumn.STUDY: study, **studies[study]} for study in sorted(studies)]
    table: pd.DataFrame = pd.DataFrame(rows, columns=[ClipColumn.STUDY, *names])
    return table
