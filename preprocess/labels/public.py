"""Labels of public data sets, keyed like the studies that `convert` made of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from preprocess.labels.acdc_groups import GROUP, PATIENT_ID, Group, read_groups
from preprocess.labels.kaggle_volumes import DIASTOLE, ID, SYSTOLE, read_volumes
from preprocess.labels.sources import LabelSource, LabelTable, Reading
from preprocess.reports.accounts import RowAccount, RowOutcome
from preprocess.reports.matching import IdColumns, TableRow

__all__ = ["acdc_labels", "kaggle_labels"]

_REMEDY = "is --key the key of this store, and was the store made from the {}, without --ids-from-headers?"


def kaggle_labels(paths: Sequence[Path]) -> LabelTable:
    """`lvef_percent`, `edv_ml` and `esv_ml` from the tables of the Data Science Bowl.

    LVEF = 100 · (EDV − ESV) / EDV.

    Raises:
        PreprocessError: a file is no such table.
    """
    volumes = read_volumes(paths)
    source = LabelSource((SYSTOLE, DIASTOLE), ("lvef_percent", "edv_ml", "esv_ml"), _from_volumes)
    reason = "Id is no number of the Data Science Bowl (1–1140)"
    unknown = tuple(RowAccount("", RowOutcome.LEFT_OUT, reason) for _ in range(volumes.unknown))
    remedy = _REMEDY.format("folders <id>/study/… of the Data Science Bowl")
    return LabelTable(volumes.rows, IdColumns(ID, ID), source, unknown, remedy)


def _from_volumes(row: TableRow) -> Reading:
    esv, edv = (_millilitres(row[name]) for name in (SYSTOLE, DIASTOLE))
    if math.isnan(esv) or math.isnan(edv):
        return Reading(("", "", ""), "a volume is missing or no number")
    if esv <= 0 or edv <= 0:
        return Reading(("", "", ""), "impossible: a volume is not positive")
    if esv >= edv:
        return Reading(("", "", ""), "impossible: the systolic volume is not below the diastolic one")
    return Reading((f"{100 * (edv - esv) / edv:.2f}", f"{edv:.2f}", f"{esv:.2f}"))


def _millilitres(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def acdc_labels(folder: Path) -> LabelTable:
    """The diagnostic group of each patient of ACDC: a column of 0 and 1 for each of `NOR`, `MINF`, `DCM`, `HCM`, `RV`.

    Raises:
        PreprocessError: there is no `patientNNN/Info.cfg` under the folder.
    """
    source = LabelSource((GROUP,), tuple(group.value for group in Group), _from_group)
    remedy = _REMEDY.format("volumes patientNNN_4d.nii.gz of ACDC")
    return LabelTable(read_groups(folder), IdColumns(PATIENT_ID, PATIENT_ID), source, remedy=remedy)


def _from_group(row: TableRow) -> Reading:
    try:
        found = Group(row[GROUP])
    except ValueError:
        return Reading(("",) * len(Group), f"the group is none of {', '.join(group.value for group in Group)}")
    return Reading(tuple("1" if group is found else "0" for group in Group))
