"""A whole conversion: workers, progress, resume, and merging of studies that are spread over sources."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

import pandas as pd

from preprocess.crosswalk import Crosswalk
from preprocess.errors import PreprocessError
from preprocess.files import write_text
from preprocess.ledger import (
    Record,
    Row,
    part_path,
    read_record,
    write_ledger,
    write_record,
)
from preprocess.manifest import build_manifest, write_manifest
from preprocess.pipeline import Job, process_source
from preprocess.sources import Source, find_sources
from preprocess.store import SCHEMA_VERSION, study_path

__all__ = ["Outcome", "Progress", "convert"]

Progress = Callable[[int, int], None]  # (finished, total)


@dataclass(frozen=True)
class Outcome:
    """What a conversion came to.

    Attributes:
        n_sources: sources found.
        n_skipped: sources that an earlier run had finished.
        records: what became of each source of this run, finished now or earlier.
        rows: the whole ledger of the store.
        clips: the whole clip manifest of the store.
    """

    n_sources: int
    n_skipped: int
    records: tuple[Record, ...]
    rows: tuple[Row, ...]
    clips: pd.DataFrame

    @property
    def has_stored(self) -> bool:
        """True if a study of this run's sources is in the store, now or from before."""
        return any(record.studies or record.known for record in self.records)


def convert(
    inputs: Sequence[Path],
    job: Job,
    *,
    workers: int,
    crosswalk: Path | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Convert all sources under the inputs into a store.

    Raises:
        PreprocessError: an input does not exist or holds nothing, or the store was made with another key or width.
    """
    sources = find_sources(inputs, job.store)
    if not sources:
        raise PreprocessError("no archive and no file found in the inputs", "check --input")
    _check_settings(job)
    names = {source.key_hash(job.key): source for source in sources}
    job = replace(job, claimed=_claimed(job.store, set(names)))
    todo = [source for source in sources if not _is_done(source, job)]
    run = _Run(job, workers, Crosswalk(crosswalk) if crosswalk else None, progress)
    run.work(todo)
    mergers = _mergers(names, job)
    run.work([source for source in mergers if not _is_done(source, job)])
    _forget_stale_mergers(job, set(names), mergers)
    return _finish(job, names, mergers, len(sources) - len(todo))


def _check_settings(job: Job) -> None:
    path = job.store / ".ledger" / "settings.json"
    settings = {"schema": SCHEMA_VERSION, "key_check": job.key.source("key check"), "bits": job.bits}
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        write_text(path, json.dumps(settings))
        return
    except json.JSONDecodeError:
        raise PreprocessError("the store's settings.json is damaged", "remove the store and convert again") from None
    if before.get("key_check") != settings["key_check"]:
        raise PreprocessError("the store was made with another site key", "name that key with --key")
    if before != settings:
        raise PreprocessError("the store was made with other --bits or another version", "use another --out")


def _records(store: Path) -> Iterator[Record]:
    for path in sorted((store / ".ledger").glob("*.json")):
        record = read_record(path)
        if record is not None:
            yield record


def _claimed(store: Path, current: set[str]) -> frozenset[tuple[str, str]]:
    """Studies of the store whose sources are not part of this run."""
    return frozenset(
        study
        for record in _records(store)
        if record.source not in current and not current.intersection(record.parts)
        for study in record.studies
    )


def _is_done(source: Source, job: Job) -> bool:
    record = read_record(part_path(job.store, source.key_hash(job.key)))
    if record is None or record.known or record.fingerprint != source.fingerprint(job.key):
        return False  # where studies were known from elsewhere, this run may hold all their sources
    return all(study_path(job.store, *study).is_file() for study in record.studies)


def _mergers(sources: dict[str, Source], job: Job) -> list[Source]:
    """A source for each set of sources that hold parts of one study."""
    owner: dict[tuple[str, str], str] = {}
    parent = {name: name for name in sources}

    def root(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    for name in sorted(sources):
        record = read_record(part_path(job.store, name))
        for study in record.seen if record else ():
            first = owner.setdefault(study, name)
            parent[root(name)] = root(first)
    sets: dict[str, list[str]] = {}
    for name in sorted(sources):
        sets.setdefault(root(name), []).append(name)
    spread = [tuple(sorted(group, key=lambda name: sources[name].paths)) for group in sets.values() if len(group) > 1]
    return [Source(tuple(path for name in group for path in sources[name].paths), group) for group in spread]


def _forget_stale_mergers(job: Job, current: set[str], mergers: list[Source]) -> None:
    valid = {merger.key_hash(job.key) for merger in mergers}
    for record in _records(job.store):
        if record.parts and current.issuperset(record.parts) and record.source not in valid:
            part_path(job.store, record.source).unlink(missing_ok=True)


def _finish(job: Job, names: dict[str, Source], mergers: list[Source], n_skipped: int) -> Outcome:
    records = list(_records(job.store))
    merged = {part for record in records for part in record.parts}
    active = [record for record in records if record.source not in merged]
    rows = tuple(row for record in active for row in record.rows)
    write_ledger(job.store, rows)
    clips = build_manifest(job.store)
    write_manifest(job.store, clips)
    current = set(names) | {merger.key_hash(job.key) for merger in mergers}
    ours = tuple(record for record in active if record.source in current)
    return Outcome(len(names), n_skipped, ours, rows, clips)


@dataclass(frozen=True)
class _Run:
    job: Job
    workers: int
    crosswalk: Crosswalk | None
    progress: Progress | None

    def work(self, todo: list[Source]) -> None:
        """Process sources; each is on disk as soon as it is finished."""
        for finished, record in enumerate(self._results(todo), start=1):
            if self.crosswalk:
                self.crosswalk.add(record.crosswalk)
            write_record(self.job.store, record)
            if self.progress:
                self.progress(finished, len(todo))

    def _results(self, todo: list[Source]) -> Iterator[Record]:
        lost: list[Source] = []
        with _pool(min(self.workers, max(1, len(todo)))) as pool:
            yield from self._drain(pool, todo, lost)
        for source in lost:  # one of them killed a worker; alone in a pool each shows whether it was the one
            again: list[Source] = []
            with _pool(2) as pool:
                yield from self._drain(pool, [source], again)
            if again:
                yield self._failed(source, "worker process died (out of memory?)")

    def _drain(self, pool: Executor, todo: list[Source], lost: list[Source]) -> Iterator[Record]:
        """Keep few sources in flight, so that memory stays bounded; cancel what has not begun on an interrupt."""
        waiting = iter(todo)
        flying: dict[Future[Record], Source] = {}
        try:
            while True:
                for source in islice(waiting, 2 * self.workers - len(flying)):
                    try:
                        flying[pool.submit(process_source, source, self.job)] = source
                    except BrokenProcessPool:
                        lost.append(source)
                if not flying:
                    return
                done, _ = wait(flying, return_when=FIRST_COMPLETED)
                for future in done:
                    yield from self._result(future, flying.pop(future), lost)
        finally:
            for future in flying:
                future.cancel()

    def _result(self, future: Future[Record], source: Source, lost: list[Source]) -> Iterator[Record]:
        error = future.exception()
        if error is None:
            yield future.result()
        elif isinstance(error, BrokenProcessPool):
            lost.append(source)
        elif not isinstance(error, Exception):
            raise error
        else:  # a bug; its text may quote the input, its kind cannot
            yield self._failed(source, f"internal error ({type(error).__name__})")

    def _failed(self, source: Source, reason: str) -> Record:
        """A record without fingerprint: a later run tries the source again."""
        name = source.key_hash(self.job.key)
        return Record(name, parts=source.parts, rows=(Row(name, reason=reason),))


def _ignore_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _pool(workers: int) -> Executor:
    """One worker is a thread of this process, several are processes."""
    if workers == 1:
        return ThreadPoolExecutor(1)
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_ignore_interrupts)
