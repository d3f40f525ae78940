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
from preprocess.store.manifest import ClipColumn
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
    """The columns of both tables by name, for those who work on a table as a whole; a clip's are `ClipColumn`'s."""

    STUDY: Final = "study"
    PATIENT: Final = "patient"
    TARGET: Final = "target"
    TRUTH: Final = "truth"
    SCORE: Final = "score"
    MODEL: Final = "model"
    WEIGHT: Final = "weight"


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
_MOST = 1.001  # weights are float32


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
    for cells in iter_rows(path, [column.STUDY, column.TARGET, column.SCORE]):
        truth = cells.get(column.TRUTH, "")
        yield Prediction(
            study=cells[column.STUDY],
            patient=cells.get(column.PATIENT, ""),
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
        DamagedFileError: a weight is no share, a slice no index, or the file is no table.
    """
    column = PredictionColumn
    for cells in iter_rows(path, ATTENTION_COLUMNS):
        place, weight = _number(path, cells[ClipColumn.SLICE]), _number(path, cells[column.WEIGHT])
        if not (place >= 0 and place.is_integer()):
            raise DamagedFileError(f"{path} names a slice that is no index", _REMEDY)
        if not 0 <= weight <= _MOST:
            raise DamagedFileError(f"{path} holds a weight that is not between 0 and 1", _REMEDY)
        yield AttentionWeight(cells[column.STUDY], cells[column.TARGET], cells[ClipColumn.VIEW], int(place), weight)


def _number(path: Path, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.inf
    if math.isinf(number):
        raise DamagedFileError(f"{path} holds a value that is no number", _REMEDY)
    return number
