"""The split file: `patient,study,split`; a patient is in one split only."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from preprocess.errors import PreprocessError
from preprocess.privacy.keys import check_keys
from preprocess.system.tables import read_rows

__all__ = ["SPLITS", "read_splits"]

SPLITS = ("train", "val", "test")


def read_splits(path: Path) -> pd.DataFrame:
    """A split file with the columns patient, study, split (train, val or test).

    Raises:
        PreprocessError: unknown split, study listed twice, or a patient in more than one split.
    """
    rows = read_rows(path, ["patient", "study", "split"])
    frame: pd.DataFrame = pd.DataFrame(rows, columns=["patient", "study", "split"], dtype=str)
    check_keys(path, [*frame["patient"], *frame["study"]])
    unknown = sorted(set(frame["split"]) - set(SPLITS))
    if unknown:
        raise PreprocessError(f"{path}: unknown split {', '.join(map(repr, unknown))}", "use train, val and test")
    if frame["study"].duplicated().any():
        raise PreprocessError(f"{path} lists a study more than once", "keep one row for each study")
    shared = int((frame.groupby("patient")["split"].nunique() > 1).sum())
    if shared:
        raise PreprocessError(f"{path}: {shared} patients are in more than one split", "make it again")
    return frame
