"""Kaggle's Second Annual Data Science Bowl (2015/16): folders `<id>/study/{2ch_N,4ch_N,sax_N}`, and tables of volumes.

The numbers of its training, validation and test folders are disjoint (1–500, 501–700, 701–1140), so that a number
alone is a patient. `train.csv` and `validate.csv` have `Id,Systole,Diastole`, `solution.csv` has a row for each volume:
`Id,Volume,Usage` with Ids such as `701_Systole`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePath

from preprocess.dicom.frame import Frame
from preprocess.errors import PreprocessError
from preprocess.sources.sites.identity import Identity, parts_of
from preprocess.sources.sites.protocol import LabelOption, LabelRow, Site, SiteLabels
from preprocess.system.tables import read_rows

__all__ = ["Kaggle"]

_LAST = 1140
_SERIES = re.compile(r"(?:2ch|4ch|sax)_\d{1,4}", re.ASCII)
_NUMBER = re.compile(r"[1-9]\d{0,3}", re.ASCII)
_ID, _SYSTOLE, _DIASTOLE = "Id", "Systole", "Diastole"
_TARGETS = ("lvef_percent", "edv_ml", "esv_ml")
_STRANGER = f"Id is no number of the Data Science Bowl (1–{_LAST})"


class Kaggle(Site):
    """Series folders that name patient and view, and volumes that give LVEF."""

    name = "kaggle"
    title = "Data Science Bowl"
    files = "folders <id>/study/… of the Data Science Bowl"
    label_option = LabelOption(
        "CSV",
        "volumes of the Data Science Bowl: train.csv, validate.csv, solution.csv (may be repeated)",
        is_repeatable=True,
    )

    def identify(self, path: PurePath) -> Identity | None:
        """The patient of a series folder `…/<id>/study/<series>` or of a file in it."""
        found = _series(path)
        return self._identity(found[0]) if found else None

    def frames(self, path: PurePath, frames: list[Frame]) -> list[Frame]:
        """Frames described by their series folder, such as `sax_5`: its curators' word for the view."""
        found = _series(path)
        return [replace(frame, description=found[1] if found else "") for frame in frames]

    def labels(self, paths: Sequence[Path]) -> SiteLabels:
        """LVEF = 100 · (EDV − ESV) / EDV, and the two volumes in mL.

        Raises:
            PreprocessError: a file is no table, or of neither form.
        """
        volumes = [row for path in paths for row in _volumes(path)]
        known = [(row, who) for row in volumes if (who := self._identity(row[_ID])) is not None]
        rows = tuple(_label_row(row, who) for row, who in known)
        return SiteLabels(_TARGETS, rows, (_STRANGER,) * (len(volumes) - len(rows)))

    def _identity(self, number: str) -> Identity | None:
        """The identity behind a number of the data set; None where it is not one of 1–1140."""
        if not _NUMBER.fullmatch(number) or int(number) > _LAST:
            return None
        patient = f"{self.name}_{number}"
        return Identity(patient, patient, self.name)


def _series(path: PurePath) -> tuple[str, str] | None:
    """Number of the patient and name of the series."""
    parts = parts_of(path)
    for series in (len(parts) - 1, len(parts) - 2):
        if series >= 2 and _SERIES.fullmatch(parts[series]) and parts[series - 1] == "study":
            return parts[series - 2], parts[series]
    return None


def _volumes(path: Path) -> list[dict[str, str]]:
    """Rows of `Id`, `Systole` and `Diastole` (mL as text, empty where not stated) from a table of either form."""
    rows = read_rows(path, [_ID])
    columns = set(rows[0]) if rows else set()
    if {_SYSTOLE, _DIASTOLE} <= columns:
        return [{name: row[name].strip() for name in (_ID, _SYSTOLE, _DIASTOLE)} for row in rows]
    if "Volume" not in columns:
        raise PreprocessError(
            f"{path} has neither the columns Systole and Diastole nor the column Volume",
            "give train.csv, validate.csv or solution.csv of the Data Science Bowl",
        )
    # One row from the two of a patient; a volume that is stated again starts another row.
    pairs: dict[tuple[str, int], dict[str, str]] = {}
    odd = []
    for row in rows:
        number, _, phase = row[_ID].strip().partition("_")
        if phase not in (_SYSTOLE, _DIASTOLE):
            odd.append({_ID: "", _SYSTOLE: "", _DIASTOLE: ""})
            continue
        repeat = 0
        while phase in pairs.get((number, repeat), {}):
            repeat += 1
        pairs.setdefault((number, repeat), {_ID: number})[phase] = row["Volume"].strip()
    return [{_SYSTOLE: "", _DIASTOLE: "", **both} for both in pairs.values()] + odd


def _label_row(row: Mapping[str, str], who: Identity) -> LabelRow:
    esv, edv = _millilitres(row[_SYSTOLE]), _millilitres(row[_DIASTOLE])
    reason = ""
    if math.isnan(esv) or math.isnan(edv):
        reason = "a volume is missing or no number"
    elif esv <= 0 or edv <= 0:
        reason = "impossible: a volume is not positive"
    elif esv >= edv:
        reason = "impossible: the systolic volume is not below the diastolic one"
    values = ("", "", "") if reason else (f"{100 * (edv - esv) / edv:.2f}", f"{edv:.2f}", f"{esv:.2f}")
    return LabelRow(who.patient, who.study, f"{row[_SYSTOLE]}\n{row[_DIASTOLE]}", values, reason)


def _millilitres(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan
