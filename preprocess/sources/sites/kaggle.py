"""Kaggle's Second Annual Data Science Bowl (2015/16): folders `<id>/study/{2ch_N,4ch_N,sax_N}`.

The numbers of its training, validation and test folders are disjoint (1–500, 501–700, 701–1140), so that a number
alone is a patient.
"""

from __future__ import annotations

import re
from pathlib import PurePath

from preprocess.sources.sites.identity import Identity, Layout, parts_of

__all__ = ["identify", "identity", "series_name"]

_LAST = 1140
_SERIES = re.compile(r"(?:2ch|4ch|sax)_\d{1,4}", re.ASCII)
_NUMBER = re.compile(r"[1-9]\d{0,3}", re.ASCII)


def identity(number: str) -> Identity | None:
    """The identity behind a number of the data set; None where it is not one of 1–1140."""
    if not _NUMBER.fullmatch(number) or int(number) > _LAST:
        return None
    name = f"kaggle_{number}"
    return Identity(name, name, Layout.KAGGLE)


def identify(path: PurePath) -> Identity | None:
    """The patient of a series folder `…/<id>/study/<series>` or of a file in it."""
    found = _series(path)
    return identity(found[0]) if found else None


def series_name(path: PurePath) -> str:
    """The series folder of a file of the data set, such as `sax_5`: its curators' word for the view."""
    found = _series(path)
    return found[1] if found else ""


def _series(path: PurePath) -> tuple[str, str] | None:
    """Number of the patient and name of the series."""
    parts = parts_of(path)
    for series in (len(parts) - 1, len(parts) - 2):
        if series >= 2 and _SERIES.fullmatch(parts[series]) and parts[series - 1] == "study":
            return parts[series - 2], parts[series]
    return None
