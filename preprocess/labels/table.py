"""The label file: a row per study, a column per target; 0, 1 or empty for findings, numbers with units otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from preprocess.errors import PreprocessError
from preprocess.privacy.keys import check_keys
from preprocess.system.files import write_text
from preprocess.system.tables import csv_text, read_rows

__all__ = ["read_label", "read_labels", "write_label_table"]

_STUDY = "study"


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
        PreprocessError: there are other labels, which may not be replaced.
    """
    text = csv_text((_STUDY, *targets), ((study, *values) for study, values in labels))
    if not overwrite and path.is_file() and path.read_bytes() != text.encode():
        raise PreprocessError(f"{path} exists and holds other labels", "give --overwrite or another --labels")
    write_text(path, text)


def read_labels(path: Path) -> pd.DataFrame:
    """A label file as a table indexed by study: numbers as float64, other columns as text; empty is missing.

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
        text = frame[name].str.strip().replace("", None)
        numbers = pd.to_numeric(text, errors="coerce").astype("float64")
        frame[name] = numbers if bool((numbers.isna() == text.isna()).all()) else text
    return frame


def read_label(path: Path, target: str) -> pd.Series[Any]:
    """One column of a label file, by study.

    Raises:
        PreprocessError: no label file, or it has no such target.
    """
    labels = read_labels(path)
    if target not in labels.columns:
        raise PreprocessError(f"{path} has no column {target}", f"its targets are: {', '.join(labels.columns)}")
    return labels[target]
