"""What the ledger says of a series, whichever kind of file it came in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from preprocess.recognition.names import Decision
from preprocess.store.ledger import STORED, Row

__all__ = ["merged_rows", "series_row", "why_no_view"]


def series_row(blank: Row, decision: Decision, problem: str, n_files: int, n_frames: int) -> Row:
    """A row for a whole series, or for a slice of one.

    Args:
        blank: a row with source, patient, study and series filled in.
        decision: what the series was recognised as.
        problem: why it was left out; empty where it was stored.
        n_files: files, or frames of multi-frame files.
        n_frames: of a slice.
    """
    return replace(
        blank,
        view=decision.view.value if decision.view else "",
        confidence=decision.confidence,
        outcome=blank.outcome if problem else STORED,
        n_files=n_files,
        n_frames=n_frames,
        reason=problem or decision.reason,
    )


def why_no_view(decision: Decision, no_cine: str) -> str:
    """A series without a view: the exclusion that hit it, else that it is no cine, else what the rules said.

    Args:
        decision: without a view.
        no_cine: why none of its slices is a cine; empty where one is.
    """
    return decision.reason if decision.final or not no_cine else no_cine


def merged_rows(rows: Iterable[Row]) -> list[Row]:
    """One row for the planes of a series that met the same fate, such as the three of a scout."""
    merged: dict[Row, Row] = {}
    for row in rows:
        same = replace(row, n_files=0, n_frames=0, position_mm=row.position_mm)
        before = merged.get(same)
        if before is None or row.position_mm is not None:
            merged[same if before is None else row] = row
        else:
            n_frames = max(before.n_frames, row.n_frames)
            merged[same] = replace(before, n_files=before.n_files + row.n_files, n_frames=n_frames)
    return list(merged.values())
