"""Counts over a whole store, from its manifest and ledger, read in pieces so that memory does not grow with them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from preprocess.store.ledger import STORED, grouped_reason, has_ledger, read_ledger
from preprocess.store.manifest import ClipColumn, manifest_pieces
from preprocess.store.views import View

__all__ = ["LedgerTotals", "StoreTotals", "ledger_totals", "store_totals"]


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
    totals, column = StoreTotals(), ClipColumn
    for piece in manifest_pieces(store):
        clips = piece.fillna({column.VENDOR: "", column.MODEL: "", column.SEX: "", column.FIELD_STRENGTH: 0.0})
        totals.patients.update(clips[column.PATIENT])
        totals.clips.update(clips[column.VIEW])
        totals.frames.update(clips[column.N_FRAMES])
        totals.sax_slices.update(clips.loc[clips[column.VIEW] == "SAX", column.STUDY])
        stacks = clips[clips[column.SLICE] == 0]
        totals.spacings.update((stacks[column.ROW_SPACING] * 20).round() / 20)
        totals.thicknesses.update((stacks[column.SLICE_THICKNESS] * 2).round() / 2)
        totals.matrices.update(stacks[column.ROWS].astype(str) + " × " + stacks[column.COLS].astype(str))
        studies = clips[~clips[column.STUDY].isin(totals.views)].drop_duplicates(column.STUDY)
        totals.sexes.update(studies[column.SEX])
        totals.ages.update(studies[column.AGE].dropna())
        totals.scanners.update(
            zip(studies[column.VENDOR], studies[column.MODEL], studies[column.FIELD_STRENGTH], strict=True)
        )
        for study, view in zip(stacks[column.STUDY], stacks[column.VIEW], strict=True):
            totals.views.setdefault(study, set()).add(view)
    return totals


def ledger_totals(store: Path) -> LedgerTotals | None:
    """Count the ledger of a store; None where it has none.

    Raises:
        PreprocessError: it is damaged.
    """
    if not has_ledger(store):
        return None
    totals = LedgerTotals()
    for row in read_ledger(store):
        if row.position_mm is None:
            totals.outcomes[row.outcome] += 1
        else:
            totals.slices_left_out += 1
        if row.outcome != STORED:
            totals.reasons[grouped_reason(row.reason)] += 1
    return totals
