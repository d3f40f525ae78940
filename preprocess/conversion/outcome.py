"""The tables at the end of a conversion, and what it came to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from pathlib import Path

from preprocess.store.ledger import LEFT_OUT, STORED, Record, grouped_reason, read_records, write_ledger
from preprocess.store.manifest import ClipColumn, build_manifest, write_manifest

__all__ = ["Outcome", "finish"]


@dataclass(frozen=True)
class Outcome:
    """What a conversion came to. Counts are of the whole store; they are zero where `is_finished` is False.

    Attributes:
        n_sources: sources of this run.
        n_skipped: sources that an earlier run had finished.
        is_finished: the tables are written; False for a part that was not the last to end.
        n_patients: patients in the store.
        n_studies: studies in the store.
        n_series: series (or volumes) stored.
        clips: number of clips by view.
        reasons: number of ledger rows by reason left out, with N for every number.
        empty: this run's sources of which nothing is stored, and why.
        has_stored: a study of this run's sources is in the store, now or from before.
    """

    n_sources: int
    n_skipped: int
    is_finished: bool = False
    n_patients: int = 0
    n_studies: int = 0
    n_series: int = 0
    clips: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    empty: tuple[tuple[str, str], ...] = ()
    has_stored: bool = True


@dataclass
class _Count:
    """What the records say, added up while the ledger is written."""

    current: Collection[str]
    n_series: int = 0
    has_stored: bool = False
    reasons: Counter[str] = field(default_factory=Counter)
    empty: list[tuple[str, str]] = field(default_factory=list)

    def add(self, record: Record) -> Record:
        """Count a record and pass it on."""
        self.n_series += sum(row.outcome == STORED for row in record.rows)
        self.reasons.update(grouped_reason(row.reason) for row in record.rows if row.outcome == LEFT_OUT)
        if record.source in self.current:
            self.has_stored |= bool(record.studies or record.known)
            if not record.studies:
                self.empty.append((record.source, record.rows[0].reason if record.rows else "no files"))
        return record


def finish(store: Path, current: Collection[str], progress: Callable[[int, int], None] | None = None) -> Outcome:
    """Write the ledger and the clip manifest of a whole store.

    Args:
        store: the store.
        current: hashes of this run's sources.
        progress: called with (finished, total) studies.
    """
    count = _Count(current)
    merged = {part for record in read_records(store) for part in record.parts}
    write_ledger(store, (count.add(record) for record in read_records(store) if record.source not in merged))
    clips = build_manifest(store, progress)
    write_manifest(store, clips)
    return replace(
        Outcome(0, 0, is_finished=True),
        n_patients=int(clips[ClipColumn.PATIENT].nunique()),
        n_studies=int(clips[ClipColumn.STUDY].nunique()),
        n_series=count.n_series,
        clips=Counter(clips[ClipColumn.VIEW].tolist()),
        reasons=count.reasons,
        empty=tuple(count.empty),
        has_stored=count.has_stored,
    )
