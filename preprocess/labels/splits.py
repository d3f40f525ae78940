"""The split file: `patient,study,split`; a patient is in one split only."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from preprocess.errors import PreprocessError
from preprocess.privacy.keys import check_keys
from preprocess.system.files import write_text
from preprocess.system.tables import csv_text, read_rows

__all__ = [
    "SPLITS",
    "patient_splits",
    "read_splits",
    "studies_of_split",
    "study_splits",
    "with_studies",
    "write_splits",
]

SPLITS = ("train", "val", "test")
_PATIENT, _STUDY, _SPLIT = _COLUMNS = ("patient", "study", "split")


def write_splits(path: Path, rows: Iterable[tuple[str, str, str]], *, overwrite: bool) -> bool:
    """Write a split file; an existing one with other splits needs `overwrite`.

    Args:
        path: the file.
        rows: patient, study and split.
        overwrite: whether other splits may be replaced.

    Returns:
        Whether the file changed.

    Raises:
        PreprocessError: there are other splits, which may not be replaced.
    """
    text = csv_text(_COLUMNS, rows)
    if path.is_file():
        if path.read_bytes() == text.encode():
            return False
        if not overwrite:
            raise PreprocessError(
                f"{path} exists and holds other splits", "give --overwrite to replace it, or --extend to add to it"
            )
    write_text(path, text)
    return True


def read_splits(path: Path) -> pd.DataFrame:
    """A split file with the columns patient, study, split (train, val or test).

    Raises:
        PreprocessError: unknown split, study listed twice, or a patient in more than one split.
    """
    rows = read_rows(path, _COLUMNS)
    frame: pd.DataFrame = pd.DataFrame(rows, columns=list(_COLUMNS), dtype=str)
    check_keys(path, [*frame[_PATIENT], *frame[_STUDY]])
    unknown = [row for row, split in enumerate(frame[_SPLIT], start=1) if split not in SPLITS]
    if unknown:
        problem = f"{len(unknown)} of {len(frame)} rows have an unknown split, the first is row {unknown[0]}"
        raise PreprocessError(f"{path}: {problem}", "use train, val and test")
    if frame[_STUDY].duplicated().any():
        raise PreprocessError(f"{path} lists a study more than once", "keep one row for each study")
    shared = int((frame.groupby(_PATIENT)[_SPLIT].nunique() > 1).sum())
    if shared:
        raise PreprocessError(f"{path}: {shared} patients are in more than one split", "make it again")
    return frame


def with_studies(table: pd.DataFrame, studies: Iterable[str]) -> pd.DataFrame:
    """The rows of these studies, from the table of `read_splits`."""
    rows: pd.DataFrame = table[table[_STUDY].isin(list(studies))]
    return rows


def studies_of_split(table: pd.DataFrame, split: str) -> pd.Series[str]:
    """The studies of a split, from the table of `read_splits`."""
    studies: pd.Series[str] = table.loc[table[_SPLIT] == split, _STUDY]
    return studies


def study_splits(table: pd.DataFrame) -> dict[str, str]:
    """Study to split, from the table of `read_splits`."""
    return dict(zip(table[_STUDY], table[_SPLIT], strict=True))


def patient_splits(table: pd.DataFrame) -> dict[str, str]:
    """Patient to split, from the table of `read_splits`."""
    return dict(zip(table[_PATIENT], table[_SPLIT], strict=True))
