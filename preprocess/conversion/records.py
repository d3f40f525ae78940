"""The records of sources: what a worker fills in, what a run keeps of them, and what was finished before."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from preprocess.errors import MendableError, machine_fault
from preprocess.privacy.crosswalk import Crosswalk
from preprocess.privacy.keys import SiteKey
from preprocess.sources.finding import Source
from preprocess.store.ledger import STORED, Record, Row, write_record
from preprocess.store.study_file import study_path
from preprocess.system.pool import Done, work

__all__ = ["ALREADY_STORED", "Progress", "SourceRun", "claimed_by_others", "is_done", "new_record", "with_studies"]

Progress = Callable[[str, int, int], None]  # (what is done, finished, total)

ALREADY_STORED = "study already stored from another source"
_DIED = "worker process died (out of memory, or stuck for longer than --timeout)"
_KEPT = "kept from an earlier run, whose source held it; the source no longer does, or cannot be read"


def new_record(source: Source, key: SiteKey, options: str) -> Record:
    """The record of a source of which nothing is known yet.

    Args:
        source: archive, folder or file.
        key: the site's key.
        options: whatever changes how the source is processed, see `Importer.options`.
    """
    return Record(source.key_hash(key), source.fingerprint(key, options), source.parts)


def with_studies(record: Record, store: Path, studies: Iterable[tuple[str, str]]) -> Record:
    """A record of studies, by (patient, study), whose files lie in the store by now.

    Sources that hold parts of one study are found by what their records have seen, and processed once more together.
    """
    stored = tuple(studies)
    return replace(
        record,
        studies=stored,
        sizes=tuple(study_path(store, *study).stat().st_size for study in stored),
        seen=tuple(dict.fromkeys((*record.seen, *stored))),
    )


def is_done(store: Path, record: Record | None, fingerprint: str, *, check_sizes: bool = True) -> bool:
    """True where an earlier run finished a source and its studies lie in the store as they were written.

    Args:
        store: the store.
        record: what that run wrote of the source.
        fingerprint: of the source and the options now.
        check_sizes: False where another record's studies were written over this one's.
    """
    if record is None or record.known or record.fingerprint != fingerprint:
        return False  # where studies were known from elsewhere, this run may hold all their sources
    paths = [study_path(store, *study) for study in record.studies]
    return all(path.is_file() for path in paths) and (
        not check_sizes or [path.stat().st_size for path in paths] == list(record.sizes)
    )


@dataclass(frozen=True)
class SourceRun:
    """Sources to records.

    Attributes:
        store: the store.
        key: the site's key.
        before: records of earlier runs.
        workers: processes; 0 to work in this one.
        crosswalk: where real identifiers go, if anywhere.
        progress: called as work goes on.
        what: name of the work.
    """

    store: Path
    key: SiteKey
    before: Mapping[str, Record]
    workers: int
    crosswalk: Crosswalk | None = None
    progress: Progress | None = None
    what: str = "convert"

    def work(self, function: Callable[[Source], Record], todo: Sequence[Source]) -> None:
        """Process sources; `function` runs in the workers and must be picklable."""
        for count, done in enumerate(work(function, todo, self.workers), start=1):
            if isinstance(done, Done):
                record = self._sound(done.task, done.result)
            elif done.error is None:
                record = self._failed(done.task, _DIED)
            elif isinstance(done.error, MendableError):
                record = self._failed(done.task, done.error.problem)
            elif fault := machine_fault(done.error):
                record = self._failed(done.task, fault)
            else:  # a bug; its text may quote the input, its kind cannot
                record = self._failed(done.task, f"internal error ({type(done.error).__name__})")
            if self.crosswalk:
                self.crosswalk.add(record.crosswalk)
            write_record(self.store, self._settled(record))
            if self.progress:
                self.progress(self.what, count, len(todo))

    def _sound(self, source: Source, result: object) -> Record:
        """What an importer handed back, if it is the record of this source and its studies lie in the store."""
        if not isinstance(result, Record):
            return self._failed(source, f"internal error (the importer gave {type(result).__name__}, no record)")
        if result.source != source.key_hash(self.key):
            return self._failed(source, "internal error (the importer gave the record of another source)")
        if not all(study_path(self.store, *study).is_file() for study in result.studies):
            return self._failed(source, "internal error (the importer named a study that it did not store)")
        if set(result.studies) <= set(result.seen):
            return result
        return replace(result, seen=tuple(dict.fromkeys((*result.seen, *result.studies))))

    def _failed(self, source: Source, reason: str) -> Record:
        """A record without fingerprint: a later run tries the source again."""
        name = source.key_hash(self.key)
        return Record(name, parts=source.parts, rows=(Row(name, reason=reason),))

    def _settled(self, record: Record) -> Record:
        """Deal with what an earlier run stored of this source and this one did not.

        A study that was looked at again and has nothing to store any more leaves the store; one that was not found
        or not reached stays, and the ledger says so.
        """
        before = self.before.get(record.source, record)
        kept: list[tuple[str, str]] = []
        for study in [study for study in before.studies if study not in record.studies]:
            path = study_path(self.store, *study)
            others = self.before.items()
            is_shared = any(study in other.studies for name, other in others if name != record.source)
            if is_shared or not path.is_file():
                continue
            if study in record.seen and record.fingerprint:
                path.unlink()
                with suppress(OSError):  # other studies of the patient
                    path.parent.rmdir()
            else:
                kept.append(study)
        rows = tuple(Row(record.source, *study, outcome=STORED, reason=_KEPT) for study in kept)
        sizes = tuple(study_path(self.store, *study).stat().st_size for study in kept)
        return replace(
            record,
            studies=(*record.studies, *kept),
            sizes=(*record.sizes, *sizes),
            rows=(*record.rows, *rows),
        )


def claimed_by_others(index: Mapping[str, Record], current: Collection[str]) -> frozenset[tuple[str, str]]:
    """Studies of the store whose sources are not part of this run."""
    return frozenset(
        study
        for record in index.values()
        if record.source not in current and not any(part in current for part in record.parts)
        for study in record.studies
    )
