"""Counts over a whole store, from its manifest and ledger, read in pieces so that memory does not grow with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from preprocess.errors import PreprocessError
from preprocess.store.ledger import STORED, grouped_reason
from preprocess.store.views import View

__all__ = ["LedgerTotals", "StoreTotals", "ledger_totals", "store_totals"]

_PIECE = 100_000  # rows


@dataclass
class StoreTotals:
    """What the manifest says.

    Attributes:
        patients: keys.
        views: the views of each study.
        clips: clips of each view.
        scanners: studies of each (vendor, model, field strength in T; 0 where unknown).
        sexes: studies of each sex.
        ages: studies of each age in years; unknown ages are not counted.
        frames: clips of each number of frames.
        spacings: view stacks of each row spacing in mm, rounded to 0.05.
        matrices: view stacks of each matrix, as rows × columns.
        thicknesses: view stacks of each slice thickness in mm, rounded to 0.5.
        sax_slices: slices of each study's SAX stack.
    """

    patients: set[str] = field(default_factory=set)
    views: dict[str, set[str]] = field(default_factory=dict)
    clips: Counter[str] = field(default_factory=Counter)
    scanners: Counter[tuple[str, str, float]] = field(default_factory=Counter)
    sexes: Counter[str] = field(default_factory=Counter)
    ages: Counter[float] = field(default_factory=Counter)
    frames: Counter[int] = field(default_factory=Counter)
    spacings: Counter[float] = field(default_factory=Counter)
    matrices: Counter[str] = field(default_factory=Counter)
    thicknesses: Counter[float] = field(default_factory=Counter)
    sax_slices: Counter[str] = field(default_factory=Counter)

    def missing(self) -> Counter[str]:
        """Studies by the views they lack, such as `SAX` or `3CH, 2CH`; those that lack none are not counted."""
        lacking = (", ".join(view for view in map(str, View) if view not in has) for has in self.views.values())
        return Counter(text for text in lacking if text)


@dataclass
class LedgerTotals:
    """What the ledger says.

    Attributes:
        outcomes: rows about whole series by outcome.
        reasons: rows that were left out, by reason with its numbers replaced by N.
        slices_left_out: rows about single slices.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    slices_left_out: int = 0


def store_totals(store: Path) -> StoreTotals:
    """Count the clip manifest of a store.

    Raises:
        PreprocessError: there is none, or it is damaged.
    """
    path = store / "clips.parquet"
    if not path.is_file():
        raise PreprocessError(f"no clip manifest at {path}", "make the store with cmr-preprocess convert")
    totals = StoreTotals()
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(_PIECE):
                _count(totals, batch.to_pandas())
    except (pa.ArrowException, KeyError, ValueError, OSError) as error:
        raise PreprocessError(
            f"{path} is no clip manifest ({type(error).__name__})", "make it again with cmr-preprocess convert"
        ) from None
    return totals


def _count(totals: StoreTotals, clips: pd.DataFrame) -> None:
    clips = clips.fillna({"vendor": "", "model": "", "sex": "", "field_strength_t": 0.0})
    totals.patients.update(clips["patient"])
    totals.clips.update(clips["view"])
    totals.frames.update(clips["n_frames"])
    totals.sax_slices.update(clips.loc[clips["view"] == "SAX", "study"])
    stacks = clips[clips["slice"] == 0]
    totals.spacings.update((stacks["row_spacing_mm"] * 20).round() / 20)
    totals.thicknesses.update((stacks["slice_thickness_mm"] * 2).round() / 2)
    totals.matrices.update(stacks["rows"].astype(str) + " × " + stacks["cols"].astype(str))
    studies = clips[~clips["study"].isin(totals.views)].drop_duplicates("study")
    totals.sexes.update(studies["sex"])
    totals.ages.update(studies["age_years"].dropna())
    totals.scanners.update(zip(studies["vendor"], studies["model"], studies["field_strength_t"], strict=True))
    for study, view in zip(stacks["study"], stacks["view"], strict=True):
        totals.views.setdefault(study, set()).add(view)


def ledger_totals(store: Path) -> LedgerTotals | None:
    """Count the ledger of a store; None where it has none.

    Raises:
        PreprocessError: it is damaged.
    """
    path = store / "ledger.csv"
    if not path.is_file():
        return None
    totals = LedgerTotals()
    for rows in _pieces(path):
        whole = rows["position_mm"] == ""
        totals.outcomes.update(rows.loc[whole, "outcome"])
        totals.slices_left_out += int((~whole).sum())
        left_out = rows.loc[rows["outcome"] != STORED, "reason"]
        totals.reasons.update(left_out.map(grouped_reason))
    return totals


def _pieces(path: Path) -> Iterator[pd.DataFrame]:
    columns = ["outcome", "position_mm", "reason"]
    try:
        with pd.read_csv(path, dtype=str, keep_default_na=False, usecols=columns, chunksize=_PIECE) as reader:
            yield from reader
    except (ValueError, pd.errors.ParserError, UnicodeDecodeError, OSError) as error:
        raise PreprocessError(
            f"{path} is no ledger ({type(error).__name__})", "make it again with cmr-preprocess convert"
        ) from None
