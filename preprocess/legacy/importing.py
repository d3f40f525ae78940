"""A whole import of legacy files: workers, resume, and the tables of the store."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from preprocess.crosswalk import Crosswalk
from preprocess.deid import SiteKey, default_key_path
from preprocess.errors import PreprocessError
from preprocess.files import sweep
from preprocess.job import Job
from preprocess.ledger import STORED, Record, Row, part_path, read_index, write_record
from preprocess.legacy.study import LegacyJob, identity, import_file
from preprocess.outcome import Outcome, finish
from preprocess.pool import Done, Failed, work
from preprocess.runner import check_settings
from preprocess.sources import Source
from preprocess.store import study_path

__all__ = ["Found", "find_legacy", "import_legacy"]

_SUFFIXES = (".h5", ".hdf5")
_DIED = "worker process died (out of memory, or stuck for longer than --timeout)"
_KEPT = "kept from an earlier run; the file cannot be read any more"
_TWICE = "another file of this patient folder and study was used"
_NO_FOLDER = "not in a folder <institution>_<mrn>"
_NO_HDF = "not named as an HDF file"


@dataclass(frozen=True)
class Found:
    """What lies under the inputs.

    Attributes:
        sources: one file each.
        left_out: reason to the other files.
    """

    sources: tuple[Source, ...]
    left_out: Mapping[str, tuple[Path, ...]]


def find_legacy(inputs: Sequence[Path], store: Path) -> Found:
    """Find `<institution>_<mrn>/<accession>.h5` at any depth, in a fixed order.

    Raises:
        PreprocessError: an input does not exist, or there is no such file.
    """
    sources: dict[tuple[str, str], Path] = {}
    left_out: dict[str, list[Path]] = {}
    for path in sorted({path for given in inputs for path in _files(given, store)}):
        if path.suffix.lower() not in _SUFFIXES:
            left_out.setdefault(_NO_HDF, []).append(path)
        elif "_" not in path.parent.name.strip("_"):
            left_out.setdefault(_NO_FOLDER, []).append(path)
        elif sources.setdefault(identity(path), path) is not path:
            left_out.setdefault(_TWICE, []).append(path)
    if not sources:
        raise PreprocessError("no <institution>_<mrn>/<accession>.h5 found in the inputs", "check --input")
    found = tuple(Source((path,)) for path in sources.values())
    return Found(found, {reason: tuple(paths) for reason, paths in left_out.items()})


def _files(given: Path, store: Path) -> list[Path]:
    if not given.exists():
        raise PreprocessError("an input does not exist", "check --input")
    given, store = given.resolve(), store.resolve()
    if given.is_file():
        return [given]
    found: list[Path] = []
    for root, folders, names in os.walk(given):
        folder = Path(root)
        folders[:] = [name for name in folders if folder / name not in (store, default_key_path(store).parent)]
        found += [folder / name for name in names if (folder / name).is_file()]
    return found


def import_legacy(
    inputs: Sequence[Path],
    legacy: LegacyJob,
    *,
    workers: int,
    crosswalk: Path | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Outcome:
    """Import all files under the inputs into a store, which may hold converted studies too.

    Args:
        inputs: folders or files.
        legacy: the store and how to fill it.
        workers: processes; 0 to work in this one.
        crosswalk: file to append real identifiers to.
        progress: called with what is done, and how much of how much.

    Raises:
        PreprocessError: no file found, or the store was made with another key or width.
    """
    job = legacy.job
    found = find_legacy(inputs, job.store)
    check_settings(job)
    before = read_index(job.store)
    names = {source.key_hash(job.key): source for source in found.sources}
    current = set(names)
    claimed = {study for record in before.values() if record.source not in current for study in record.studies}
    legacy = replace(legacy, job=replace(job, claimed=frozenset(claimed)))
    todo = [source for name, source in names.items() if not _is_done(source, legacy, before.get(name))]
    book = Crosswalk(crosswalk) if crosswalk else None
    for count, done in enumerate(work(partial(import_file, legacy=legacy), todo, workers), start=1):
        record = _settled(_record(done, job.key), before, job)
        if book:
            book.add(record.crosswalk)
        write_record(job.store, record)
        if progress:
            progress("import", count, len(todo))
    for record in _left_out(found, inputs, job.key):
        if record.rows:
            write_record(job.store, record)
        else:
            part_path(job.store, record.source).unlink(missing_ok=True)
    sweep(job.store)
    outcome = finish(job.store, current, partial(progress, "write tables") if progress else None)
    return replace(outcome, n_sources=len(names), n_skipped=len(names) - len(todo))


def _left_out(found: Found, inputs: Sequence[Path], key: SiteKey) -> Iterator[Record]:
    """A record for each reason, with the number of files; without a row where there are none (any more)."""
    place = "\n".join(sorted(str(path.resolve()) for path in inputs))
    for reason in (_NO_HDF, _NO_FOLDER, _TWICE):
        source, paths = key.source(f"{reason}\n{place}"), found.left_out.get(reason, ())
        yield Record(source, rows=(Row(source, n_files=len(paths), reason=reason),) if paths else ())


def _is_done(source: Source, legacy: LegacyJob, record: Record | None) -> bool:
    job = legacy.job
    if record is None or record.known or record.fingerprint != source.fingerprint(job.key, legacy.options):
        return False
    paths = [study_path(job.store, *study) for study in record.studies]
    return all(path.is_file() for path in paths) and [path.stat().st_size for path in paths] == list(record.sizes)


def _record(done: Done[Source, Record] | Failed[Source], key: SiteKey) -> Record:
    """The result of a worker, or a record without fingerprint: a later run tries the file again."""
    if isinstance(done, Done):
        return done.result
    reason = _DIED if done.error is None else f"internal error ({type(done.error).__name__})"
    name = done.task.key_hash(key)
    return Record(name, rows=(Row(name, n_files=1, reason=reason),))


def _settled(record: Record, before: Mapping[str, Record], job: Job) -> Record:
    """A study that an earlier run stored of this file leaves the store only if the file was read and has none now."""
    earlier = before.get(record.source)
    lost = [study for study in earlier.studies if study not in record.studies] if earlier else []
    lost = [study for study in lost if study not in job.claimed and study_path(job.store, *study).is_file()]
    if record.fingerprint and record.seen:
        for study in lost:
            study_path(job.store, *study).unlink()
        return record
    rows = tuple(Row(record.source, *study, outcome=STORED, reason=_KEPT) for study in lost)
    sizes = tuple(study_path(job.store, *study).stat().st_size for study in lost)
    return replace(record, studies=tuple(lost), sizes=sizes, rows=(*record.rows, *rows))
