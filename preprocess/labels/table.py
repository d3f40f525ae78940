"""The label file: a row per study, a column per target; 0, 1 or empty for findings, numbers with units otherwise."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from preprocess.errors import PreprocessError
from preprocess.privacy.keys import check_keys
from preprocess.system.files import write_text
from preprocess.system.tables import csv_text, read_rows

__all__ = ["number_in", "read_cells", "read_label", "read_labels", "write_label_table"]

_STUDY = "study"
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


def write_label_table(
    path: Path, targets: Sequence[str], labels: Iterable[tuple[str, Sequence[str]]], *, overwrite: bool = True
) -> None:
    """Write a label file.

    Args:
        path: the file.
        targets: names of its columns.
        labels: study and its labels as text, one for each target, empty where unknown.
        overwrite: whether a file with other labels may be replaced.

    Raises:
        PreprocessError: there are other labels, which may not be replaced; or a target has no name of its own.
    """
    if len({_STUDY, *targets}) <= len(targets) or not all(name.strip() for name in targets):
        raise PreprocessError(
            f"the targets of {path} are {', '.join(map(repr, targets))}", f"name each once, and none of them {_STUDY}"
        )
    text = csv_text((_STUDY, *targets), ((study, *values) for study, values in labels))
    if not overwrite and path.is_file() and path.read_bytes() != text.encode():
        raise PreprocessError(f"{path} exists and holds other labels", "give --overwrite or another --labels")
    write_text(path, text)


def read_cells(path: Path) -> pd.DataFrame:
    """A label file as written, indexed by study: text without surrounding blanks; None where a cell is empty.

    Raises:
        PreprocessError: no `study` column, no target, keys that are not hashes, or a study twice.
    """
    rows = read_rows(path, [_STUDY])
    if not rows:
        raise PreprocessError(f"{path} has no rows", "make it again with cmr-preprocess labels")
    columns = list(rows[0])
    if len(columns) == 1:
        raise PreprocessError(f"{path} has no target column", "it needs study and at least one target")
    frame: pd.DataFrame = pd.DataFrame(rows, columns=columns, dtype=object).set_index(_STUDY)
    check_keys(path, frame.index)
    if not frame.index.is_unique:
        raise PreprocessError(f"{path} lists a study more than once", "keep one row for each study")
    for name in frame.columns:
        frame[name] = frame[name].str.strip().replace("", None)
    return frame


def read_labels(path: Path) -> pd.DataFrame:
    """A label file as a table indexed by study: numbers as float64, other columns as text; empty is missing.

    A column is one of numbers if every cell is (see `number_in`).

    Raises:
        PreprocessError: as `read_cells`.
    """
    frame = read_cells(path)
    for name in frame.columns:
        cells = [cell if isinstance(cell, str) else None for cell in frame[name]]
        numbers = [None if cell is None else number_in(cell) for cell in cells]
        if [number is None for number in numbers] == [cell is None for cell in cells]:
            frame[name] = pd.Series(numbers, index=frame.index, dtype="float64")
    return frame


def number_in(cell: str) -> float | None:
    """The number that a label cell writes in decimal; None for words, and for what is not finite (`inf`, `1e999`)."""
    if not _NUMBER.fullmatch(cell):
        return None
    number = float(cell)
    return number if math.isfinite(number) else None


def read_label(path: Path, target: str) -> pd.Series[Any]:
    """One column of a label file, by study.

    Raises:
        PreprocessError: no label file, or it has no such target.
    """
    labels = read_labels(path)
    if target not in labels.columns:
        raise PreprocessError(f"{path} has no column {target}", f"its targets are: {', '.join(labels.columns)}")
    return labels[target]
