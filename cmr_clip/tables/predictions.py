"""Predictions and attention of studies: `predictions.csv` and `attention.csv`, a row per study (or clip) and target.

Owner of both tables: nobody else names their columns.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

import pandas as pd

from preprocess.errors import DamagedFileError
from preprocess.system.files import write_text
from preprocess.system.tables import iter_rows

__all__ = [
    "ATTENTION_COLUMNS",
    "PREDICTION_COLUMNS",
    "AttentionWeight",
    "Prediction",
    "PredictionColumn",
    "read_attention",
    "read_predictions",
    "write_attention",
    "write_predictions",
]


@dataclass(frozen=True)
class Prediction:
    """What a model says of a study.

    Attributes:
        study: key.
        patient: key; empty where a table does not say.
        target: what is predicted.
        truth: in the target's unit; None or NaN where unknown.
        score: prediction in the target's unit, or a probability.
        model: its name; empty where a table does not say.
    """

    study: str
    patient: str
    target: str
    truth: float | None
    score: float
    model: str


class PredictionColumn:
    """The columns by name, for those who work on the table as a whole."""

    TARGET: Final = "target"
    TRUTH: Final = "truth"
    SCORE: Final = "score"
    MODEL: Final = "model"


@dataclass(frozen=True)
class AttentionWeight:
    """How much of a prediction rests on a clip.

    Attributes:
        study: key.
        target: of the prediction.
        view: of the clip.
        slice: of the clip.
        weight: 0–1; those of a study and target add up to 1.
    """

    study: str
    target: str
    view: str
    slice: int
    weight: float


PREDICTION_COLUMNS = tuple(column.name for column in fields(Prediction))
ATTENTION_COLUMNS = tuple(column.name for column in fields(AttentionWeight))
_REMEDY = "make it with cmr-clip test or predict"


def write_predictions(path: Path, predictions: Iterable[Prediction] | pd.DataFrame) -> None:
    """Write `predictions.csv`.

    Args:
        path: the file.
        predictions: rows in their order, or the table itself with the columns `PREDICTION_COLUMNS`.
    """
    table: pd.DataFrame
    if isinstance(predictions, pd.DataFrame):
        table = predictions
    else:
        table = pd.DataFrame(map(vars, predictions), columns=list(PREDICTION_COLUMNS))
    write_text(path, table[list(PREDICTION_COLUMNS)].to_csv(index=False))


def read_predictions(path: Path) -> Iterator[Prediction]:
    """The rows of a table of predictions one by one, so that memory does not grow with it.

    A table made elsewhere may lack patient, truth and model.

    Raises:
        PreprocessError: no such file, or a column is missing.
        DamagedFileError: a score or a truth is no number, or the file is no table.
    """
    column = PredictionColumn
    for cells in iter_rows(path, ["study", column.TARGET, column.SCORE]):
        truth = cells.get(column.TRUTH, "")
        yield Prediction(
            study=cells["study"],
            patient=cells.get("patient", ""),
            target=cells[column.TARGET],
            truth=_number(path, truth) if truth else math.nan,
            score=_number(path, cells[column.SCORE]) if cells[column.SCORE] else math.nan,
            model=cells.get(column.MODEL, ""),
        )


def write_attention(path: Path, weights: Iterable[AttentionWeight]) -> None:
    """Write `attention.csv`, rows in their order."""
    write_text(path, pd.DataFrame(map(vars, weights), columns=list(ATTENTION_COLUMNS)).to_csv(index=False))


def read_attention(path: Path) -> Iterator[AttentionWeight]:
    """The rows of a table of attention one by one.

    Raises:
        PreprocessError: no such file, or a column is missing.
        DamagedFileError: a weight or a slice is no number, or the file is no table.
    """
    for cells in iter_rows(path, ATTENTION_COLUMNS):
        place, weight = int(_number(path, cells["slice"])), _number(path, cells["weight"])
        yield AttentionWeight(cells["study"], cells[PredictionColumn.TARGET], cells["view"], place, weight)


def _number(path: Path, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise DamagedFileError(f"{path} holds a value that is no number", _REMEDY) from None
