"""The label file: a row per study, a column per target; 0, 1 or empty for findings, numbers with units otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from preprocess.errors import PreprocessError
from preprocess.privacy.keys import check_keys
from preprocess.system.tables import read_rows

__all__ = ["read_labels"]


def read_labels(path: Path) -> pd.DataFrame:
    """A label file as a table indexed by study: numbers as float64, other columns as text; empty is missing.

    Raises:
        PreprocessError: no `study` column, no target, keys that are not hashes, or a study twice.
    """
    rows = read_rows(path, ["study"])
    frame: pd.DataFrame = pd.DataFrame(rows, columns=_columns(path, rows), dtype=object).set_index("study")
    check_keys(path, frame.index)
    if not frame.index.is_unique:
        raise PreprocessError(f"{path} lists a study more than once", "keep one row for each study")
    for name in frame.columns:
        frame[name] = _typed(frame[name])
    return frame


def _columns(path: Path, rows: Sequence[dict[str, str]]) -> list[str]:
    if not rows:
        raise PreprocessError(f"{path} has no rows", "make it again with cmr-preprocess labels")
    columns = list(rows[0])
    if len(columns) == 1:
        raise PreprocessError(f"{path} has no target column", "it needs study and at least one target")
    return columns


def _typed(column: pd.Series[Any]) -> pd.Series[Any]:
    text = column.str.strip().replace("", None)
    numbers = pd.to_numeric(text, errors="coerce").astype("float64")
    return numbers if bool((numbers.isna() == text.isna()).all()) else text
