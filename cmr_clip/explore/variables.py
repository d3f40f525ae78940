"""What a map can be coloured by: categories and numbers, recognised from the data, with their colours."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from cmr_clip.errors import CmrClipError
from cmr_clip.explore.mapped import STUDY_FACTS, Cohort
from preprocess.store.manifest import ClipColumn
from preprocess.store.views import View

__all__ = ["MISSING_COLOUR", "Category", "Variable", "label_of", "select_variables", "variables_of", "words_of"]

# Told apart by most colour-blind readers for the first seven, and legible on white and on near-black.
_PALETTE = (
    "#4477aa",
    "#ee6677",
    "#2a9d55",
    "#d6a419",
    "#45b5d6",
    "#aa3377",
    "#ee7733",
    "#7a68c8",
    "#009988",
    "#a8703e",
    "#8a9a2b",
    "#d478b6",
)
MISSING_COLOUR = "#9a9a9a"
_OTHER = "other"
_UNITS = {
    "percent": "%",
    "years": "years",
    "ml": "mL",
    "mm": "mm",
    "ms": "ms",
    "g": "g",
    "t": "T",
    "bpm": "bpm",
    "kg": "kg",
    "cm": "cm",
}
_ACRONYMS = {
    "lv",
    "rv",
    "la",
    "ra",
    "lvef",
    "rvef",
    "lvedv",
    "lvesv",
    "rvedv",
    "rvesv",
    "lvh",
    "umap",
    "ef",
    "bsa",
    "sax",
}
_NOT_VARIABLES = {ClipColumn.STUDY, ClipColumn.PATIENT, "placed"}


@dataclass(frozen=True)
class Category:
    """One class of a categorical variable."""

    name: str
    colour: str


@dataclass(frozen=True)
class Variable:
    """Something that points can be coloured by.

    Attributes:
        name: column name.
        label: name for people, with its unit.
        level: what carries it, each clip or each study.
        kind: `category` (values are codes into `categories`, −1 = unknown) or `number` (NaN = unknown).
        values: `[N]`, one per clip or per study of the cohort.
        categories: empty for numbers.
        limits: lower and upper end of the colour scale, the 2nd and 98th percentile.
    """

    name: str
    label: str
    level: Literal["clip", "study"]
    kind: Literal["category", "number"]
    values: npt.NDArray[np.float64]
    categories: tuple[Category, ...] = ()
    limits: tuple[float, float] = (0.0, 1.0)

    @property
    def codes(self) -> npt.NDArray[np.int64]:
        """Category codes `[N]` of the N clips or studies, −1 where unknown."""
        return self.values.astype(np.int64)


def label_of(name: str) -> str:
    """`lvef_percent` → `LVEF (%)`."""
    stem, _, last = name.rpartition("_")
    unit = _UNITS.get(last) if stem else None
    words = re.split(r"[_\s]+", stem if unit else name)
    text = " ".join(word.upper() if word in _ACRONYMS else word for word in words)
    return text[:1].upper() + text[1:] + (f" ({unit})" if unit else "")


def words_of(text: str) -> str:
    """A category for people: `la_dilation` → `LA dilation`; anything but a plain identifier stays as it is."""
    if not re.fullmatch(r"[a-z]+(_[a-z]+)*", text):
        return text
    return " ".join(word.upper() if word in _ACRONYMS else word for word in text.split("_"))


def variables_of(cohort: Cohort) -> list[Variable]:
    """Everything known of the cohort's clips and studies: view, labels, predictions, then technical facts."""
    own = [name for name in cohort.studies.columns if name not in _NOT_VARIABLES]
    technical = [name for name in STUDY_FACTS if name in own]
    names = [name for name in own if name not in technical] + technical
    present, usual = set(cohort.clips[ClipColumn.VIEW]), [view.value for view in View]
    views = [view for view in usual if view in present] + sorted(present - set(usual))
    found: list[Variable | None] = [
        _categorical(cohort.clips[ClipColumn.VIEW].astype(object), ClipColumn.VIEW, "clip", views)
    ]
    found += [_variable(cohort.studies[name], name, "study") for name in names]
    found.append(_variable(cohort.clips[ClipColumn.SLICE], ClipColumn.SLICE, "clip"))
    return [variable for variable in found if variable is not None]


def select_variables(variables: list[Variable], names: list[str] | None, limit: int = 9) -> list[Variable]:
    """The variables named, or the first `limit` of them (without slices) if none are."""
    known = {variable.name: variable for variable in variables}
    if not names:
        return [variable for variable in variables if variable.name != ClipColumn.SLICE][:limit]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise CmrClipError(f"can't colour by {', '.join(unknown)}", f"known are {', '.join(known)}")
    return [known[name] for name in dict.fromkeys(names)]


def _variable(values: pd.Series[str], name: str, level: Literal["clip", "study"]) -> Variable | None:
    values = values.mask(values.astype(str).str.strip() == "")
    if values.notna().sum() == 0:
        return None
    numbers = pd.to_numeric(values, errors="coerce")
    if numbers.notna().sum() < values.notna().sum():
        counts = values.dropna().astype(str).value_counts()
        by_frequency = sorted(counts.index, key=lambda text: (-int(counts[text]), text))
        return _categorical(values, name, level, by_frequency)
    distinct = sorted(numbers.dropna().unique())
    if name != ClipColumn.SLICE and len(distinct) <= 5 and values.notna().sum() >= 3 * len(distinct):
        return _categorical(numbers.map(_plain), name, level, [_plain(number) for number in distinct])
    array = numbers.to_numpy(np.float64)
    low, high = (float(limit) for limit in np.nanpercentile(array, [2, 98]))
    limits = (low, high if high > low else low + 1)
    return Variable(name, label_of(name), level, "number", array, limits=limits)


def _plain(number: float) -> str:
    return "" if np.isnan(number) else f"{number:g}"


def _categorical(values: pd.Series[str], name: str, level: Literal["clip", "study"], names: list[str]) -> Variable:
    shown = names if len(names) <= len(_PALETTE) else names[: len(_PALETTE) - 1]
    codes = {text: code for code, text in enumerate(shown)}
    categories = [Category(words_of(text), _PALETTE[code]) for text, code in codes.items()]
    rest = -1
    if len(shown) < len(names):
        rest = len(categories)
        categories.append(Category(_OTHER, "#6b6b6b"))
    listed = set(names)
    coded = [codes.get(str(value), rest if str(value) in listed else -1) for value in values]
    return Variable(name, label_of(name), level, "category", np.array(coded, np.float64), tuple(categories))
