"""The columns that name a clip, in every table with a row per clip, and what may stand in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from preprocess.errors import DamagedFileError
from preprocess.privacy.keys import check_keys
from preprocess.store.manifest import ClipColumn
from preprocess.store.views import View

__all__ = ["CLIP_KEYS", "check_clip_rows"]

CLIP_KEYS = (ClipColumn.STUDY, ClipColumn.PATIENT, ClipColumn.VIEW, ClipColumn.SLICE)


def check_clip_rows(path: Path, table: pd.DataFrame, remedy: str) -> None:
    """Refuse rows that name no clip, or one twice.

    Args:
        path: the table's file, for the message.
        table: with the columns `CLIP_KEYS`.
        remedy: what to do about a wrong one.

    Raises:
        PreprocessError: a study or a patient is no key.
        DamagedFileError: an unknown view, a slice that is no index, or a clip twice.
    """
    check_keys(path, table[[ClipColumn.STUDY, ClipColumn.PATIENT]].stack().astype(str).unique())
    known = {view.value for view in View}
    views = sum(view not in known for view in table[ClipColumn.VIEW])
    slices = table[ClipColumn.SLICE]
    wrong = len(slices)
    if is_numeric_dtype(slices.dtype) and not is_bool_dtype(slices.dtype):
        numbers = slices.to_numpy(np.float64, na_value=np.nan)
        wrong = int((~((numbers >= 0) & (numbers < 2**31) & (numbers == np.floor(numbers)))).sum())
    repeated = int(table.duplicated(list(CLIP_KEYS)).sum())
    for count, problem in ((views, "unknown views"), (wrong, "slices that are no index"), (repeated, "clips again")):
        if count:
            raise DamagedFileError(f"{path} names {problem} in {count} of {len(table)} rows", remedy)
