"""The one run that fills a store, from whichever kind of source: workers, shards, resume, mergers, and the tables.

What is particular to a kind of source is an `Importer`; DICOM and the paper's HDF5 files are two.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from preprocess.conversion.job import Job
from preprocess.conversion.mergers import forget_stale_mergers, mergers_of, parts_of_mergers
from preprocess.conversion.outcome import Outcome, finish
from preprocess.conversion.records import Progress, SourceRun, claimed_by_others, is_done
from preprocess.conversion.settings import check_settings
from preprocess.conversion.shards import all_done, mark_done
from preprocess.errors import PreprocessError
from preprocess.privacy.crosswalk import Crosswalk
from preprocess.sources.finding import Shard, Source
from preprocess.store.ledger import Record, part_path, read_index, write_record
from preprocess.system.files import sweep

__all__ = ["Found", "Importer", "fill_store"]


@dataclass(frozen=True)
class Found:
    """What lies under the inputs.

    Attributes:
        sources: units of work; each becomes a record.
        left_out: records of files that are no source. One without rows is removed: there are no such files any more.
    """

    sources: Sequence[Source]
    left_out: Sequence[Record] = ()


class Importer(Protocol):
    """A kind of source and how it becomes studies. Sent to the workers, so that it must be picklable."""

    @property
    def what(self) -> str:
        """A word for the work, such as `convert`; names its progress bar."""
        ...

    @property
    def job(self) -> Job:
        """The store, its key, and what becomes of pixels."""
        ...

    @property
    def options(self) -> str:
        """Whatever changes how a source is processed: with other options it is processed again."""
        ...

    def find(self) -> Found:
        """The sources, in a fixed order.

        Raises:
            PreprocessError: there is none.
        """
        ...

    def process(self, source: Source, claimed: frozenset[tuple[str, str]]) -> Record:
        """Write the studies of a source; a problem with the input becomes ledger rows and never an exception.

        Args:
            source: one of those found, or a merger of several that hold parts of one study.
            claimed: studies, by (patient, study), that the store has from sources outside of this run; they must not
                be overwritten.

        Returns:
            What it came to: see `new_record` and `with_studies`. One without fingerprint is processed again next time.
        """
        ...


def fill_store(
    importer: Importer,
    *,
    workers: int,
    shard: Shard | None = None,
    crosswalk: Path | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Process all sources of an importer into a store, which may hold studies of other importers.

    Args:
        importer: what to read, and how.
        workers: processes; 0 to work in this one.
        shard: only this part of the sources. The run that ends last of all parts merges spread studies and writes
            the tables; any other returns an outcome that is not `is_finished`.
        crosswalk: file to append real identifiers to.
        progress: called as work goes on.

    Raises:
        PreprocessError: no source found, or the store was made with another key or other pixels.
    """
    job = importer.job
    found = importer.find()
    if not found.sources and not found.left_out:
        raise PreprocessError("the inputs hold nothing to import", "check --input")
    check_settings(job)
    names = {source.key_hash(job.key): source for source in found.sources}
    before = read_index(job.store)
    task = partial(importer.process, claimed=claimed_by_others(before, names))
    mine = [source for name, source in names.items() if shard is None or shard.holds(name)]
    todo = _not_done(mine, importer, before, parts_of_mergers(before))
    book = Crosswalk(crosswalk) if crosswalk else None
    run = SourceRun(job.store, job.key, before, workers, book, progress, importer.what)
    run.work(task, todo)
    if shard is not None:
        mark_done(job.store, shard, names)
        if not all_done(job.store, shard, names):
            return Outcome(n_sources=len(mine), n_skipped=len(mine) - len(todo))
    current = _merge(task, names, importer, run)
    for record in found.left_out:
        if record.rows:
            write_record(job.store, record)
        else:
            part_path(job.store, record.source).unlink(missing_ok=True)
    sweep(job.store)
    outcome = finish(job.store, current, partial(progress, "write tables") if progress else None)
    return replace(outcome, n_sources=len(mine), n_skipped=len(mine) - len(todo))


def _not_done(
    sources: Sequence[Source], importer: Importer, index: Mapping[str, Record], parts: Collection[str]
) -> list[Source]:
    """The sources that no earlier run finished; the studies of `parts` were written over by their merger."""
    key = importer.job.key
    todo = []
    for source in sources:
        name, fingerprint = source.key_hash(key), source.fingerprint(key, importer.options)
        if not is_done(importer.job.store, index.get(name), fingerprint, check_sizes=name not in parts):
            todo.append(source)
    return todo


def _merge(
    task: Callable[[Source], Record], names: Mapping[str, Source], importer: Importer, run: SourceRun
) -> set[str]:
    """Process the sources that hold parts of one study once more, together; returns the names of all sources."""
    job = importer.job
    index = read_index(job.store)
    mergers = mergers_of(names, index)
    replace(run, before=index).work(task, _not_done(mergers, importer, index, ()))
    current = set(names) | {merger.key_hash(job.key) for merger in mergers}
    forget_stale_mergers(job.store, index, set(names), current)
    return current
