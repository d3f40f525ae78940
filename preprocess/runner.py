"""A whole conversion: workers, shards, resume, merging of studies that are spread over sources, and the tables."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from preprocess.crosswalk import Crosswalk
from preprocess.errors import PreprocessError
from preprocess.files import sweep, write_text
from preprocess.job import Job
from preprocess.ledger import STORED, Record, Row, part_path, read_index, write_record
from preprocess.outcome import Outcome, finish
from preprocess.pipeline import process_source
from preprocess.pool import Done, work
from preprocess.shards import all_done, mark_done
from preprocess.sources import Shard, Source, find_sources
from preprocess.store import SCHEMA_VERSION, study_path

__all__ = ["Outcome", "Progress", "check_settings", "convert"]

Progress = Callable[[str, int, int], None]  # (what is done, finished, total)
StudyKeys = tuple[str, str]

_DIED = "worker process died (out of memory, or stuck for longer than --timeout)"
_SETTINGS = {"schema": "version", "bits": "--bits", "spacing_mm": "--spacing", "crop": "--crop"}
_KEPT = "kept from an earlier run, whose source held it; the source no longer does"


def convert(
    inputs: Sequence[Path],
    job: Job,
    *,
    workers: int,
    shard: Shard | None = None,
    crosswalk: Path | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Convert all sources under the inputs into a store.

    Args:
        inputs: folders, archives or single files.
        job: the store and how to fill it.
        workers: processes; 0 to work in this one.
        shard: only this part of the sources. The run that ends last of all parts merges spread studies and writes
            the tables; any other returns an outcome that is not `is_finished`.
        crosswalk: file to append real identifiers to.
        progress: called as work goes on.

    Raises:
        PreprocessError: an input does not exist or holds nothing, or the store was made with another key or width.
    """
    sources = find_sources(inputs, job.store, ids_from_headers=job.ids_from_headers)
    if not sources:
        raise PreprocessError("no archive and no file found in the inputs", "check --input")
    check_settings(job)
    names = {source.key_hash(job.key): source for source in sources}
    before = read_index(job.store)
    job = replace(job, claimed=_claimed(before, names))
    mine = [source for name, source in names.items() if shard is None or shard.holds(name)]
    parts = _parts(before)
    todo = [source for source in mine if not _is_done(source, job, before, parts)]
    run = _Run(job, before, workers, Crosswalk(crosswalk) if crosswalk else None, progress)
    run.work(todo)
    if shard is not None:
        mark_done(job.store, shard, names)
        if not all_done(job.store, shard, names):
            return Outcome(n_sources=len(mine), n_skipped=len(mine) - len(todo))
    index = read_index(job.store)
    mergers = _mergers(names, index)
    replace(run, before=index).work([source for source in mergers if not _is_done(source, job, index, set())])
    current = set(names) | {merger.key_hash(job.key) for merger in mergers}
    _forget_stale_mergers(job, read_index(job.store), set(names), current)
    sweep(job.store)
    outcome = finish(job.store, current, partial(progress, "write tables") if progress else None)
    return replace(outcome, n_sources=len(mine), n_skipped=len(mine) - len(todo))


def check_settings(job: Job) -> None:
    """A store has one key and one way to make pixels."""
    path = job.store / ".ledger" / "settings.json"
    own = {"schema": SCHEMA_VERSION, "bits": job.bits, "spacing_mm": job.spacing_mm, "crop": job.crop}
    settings: dict[str, object] = {"key_check": job.key.source("key check"), **own}
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        write_text(path, json.dumps(settings))
        return
    except json.JSONDecodeError:
        raise PreprocessError("the store's settings.json is damaged", "remove the store and convert again") from None
    if before.get("key_check") != settings["key_check"]:
        raise PreprocessError("the store was made with another site key", "name that key with --key")
    others = [_SETTINGS[name] for name in own if before.get(name) != own[name]]
    if others:
        raise PreprocessError(f"the store was made with another {', '.join(others)}", "use another --out")


def _claimed(index: Mapping[str, Record], current: Collection[str]) -> frozenset[StudyKeys]:
    """Studies of the store whose sources are not part of this run."""
    return frozenset(
        study
        for record in index.values()
        if record.source not in current and not any(part in current for part in record.parts)
        for study in record.studies
    )


def _parts(index: Mapping[str, Record]) -> set[str]:
    """Sources whose studies were written over by the merger that they are part of."""
    return {part for record in index.values() for part in record.parts}


def _is_done(source: Source, job: Job, index: Mapping[str, Record], parts: Collection[str]) -> bool:
    """True where an earlier run finished the source and its studies lie in the store as they were written."""
    record = index.get(source.key_hash(job.key))
    if record is None or record.known or record.fingerprint != source.fingerprint(job.key, job.options):
        return False  # where studies were known from elsewhere, this run may hold all their sources
    paths = [study_path(job.store, *study) for study in record.studies]
    return all(path.is_file() for path in paths) and (
        record.source in parts or [path.stat().st_size for path in paths] == list(record.sizes)
    )


def _mergers(sources: Mapping[str, Source], index: Mapping[str, Record]) -> list[Source]:
    """A source for each set of sources that hold parts of one study."""
    owner: dict[StudyKeys, str] = {}
    parent = {name: name for name in sources}

    def root(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    for name in sorted(sources):
        record = index.get(name)
        for study in record.seen if record else ():
            first = owner.setdefault(study, name)
            parent[root(name)] = root(first)
    sets: dict[str, list[str]] = {}
    for name in sorted(sources):
        sets.setdefault(root(name), []).append(name)
    spread = [tuple(sorted(group, key=lambda name: sources[name].paths)) for group in sets.values() if len(group) > 1]
    return [Source(tuple(path for name in group for path in sources[name].paths), group) for group in spread]


def _forget_stale_mergers(job: Job, index: Mapping[str, Record], given: set[str], valid: set[str]) -> None:
    for record in index.values():
        if record.parts and given.issuperset(record.parts) and record.source not in valid:
            part_path(job.store, record.source).unlink(missing_ok=True)


@dataclass(frozen=True)
class _Run:
    job: Job
    before: Mapping[str, Record]
    workers: int
    crosswalk: Crosswalk | None
    progress: Progress | None

    def work(self, todo: list[Source]) -> None:
        """Process sources; each is on disk as soon as it is finished."""
        task = partial(process_source, job=self.job)
        for count, done in enumerate(work(task, todo, self.workers), start=1):
            if isinstance(done, Done):
                record = self._settled(done.result)
            elif done.error is None:
                record = self._failed(done.task, _DIED)
            else:  # a bug; its text may quote the input, its kind cannot
                record = self._failed(done.task, f"internal error ({type(done.error).__name__})")
            if self.crosswalk:
                self.crosswalk.add(record.crosswalk)
            write_record(self.job.store, record)
            if self.progress:
                self.progress("convert", count, len(todo))

    def _failed(self, source: Source, reason: str) -> Record:
        """A record without fingerprint: a later run tries the source again."""
        name = source.key_hash(self.job.key)
        return self._settled(Record(name, parts=source.parts, rows=(Row(name, reason=reason),)))

    def _settled(self, record: Record) -> Record:
        """Deal with what an earlier run stored of this source and this one did not.

        A study that was looked at again and has nothing to store any more leaves the store; one that was not found
        or not reached stays, and the ledger says so.
        """
        before = self.before.get(record.source)
        lost = [study for study in before.studies if study not in record.studies] if before else []
        kept: list[StudyKeys] = []
        for study in lost:
            path = study_path(self.job.store, *study)
            if self._has_other_owner(study, record.source) or not path.is_file():
                continue
            if study in record.seen and record.fingerprint:
                path.unlink()
                with suppress(OSError):  # other studies of the patient
                    path.parent.rmdir()
            else:
                kept.append(study)
        rows = tuple(Row(record.source, *study, outcome=STORED, reason=_KEPT) for study in kept)
        sizes = tuple(study_path(self.job.store, *study).stat().st_size for study in kept)
        return replace(
            record,
            studies=(*record.studies, *kept),
            sizes=(*record.sizes, *sizes),
            rows=(*record.rows, *rows),
        )

    def _has_other_owner(self, study: StudyKeys, source: str) -> bool:
        return any(study in record.studies for name, record in self.before.items() if name != source)
