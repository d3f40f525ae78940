"""A whole import of legacy files: workers, resume, and the tables of the store."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from preprocess.conversion.dicom_run import check_settings
from preprocess.conversion.outcome import Outcome, finish
from preprocess.conversion.records import Progress, SourceRun, claimed_by_others, is_done
from preprocess.errors import PreprocessError
from preprocess.legacy.study import LegacyJob, identity, import_file
from preprocess.privacy.crosswalk import Crosswalk
from preprocess.privacy.keys import SiteKey, default_key_path
from preprocess.sources.finding import Source
from preprocess.store.ledger import Record, Row, part_path, read_index, write_record
from preprocess.system.files import sweep

__all__ = ["Found", "find_legacy", "import_legacy"]

_SUFFIXES = (".h5", ".hdf5")
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
    progress: Progress | None = None,
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
    legacy = replace(legacy, job=replace(job, claimed=claimed_by_others(before, current)))
    prints = {name: source.fingerprint(job.key, legacy.options) for name, source in names.items()}
    todo = [source for name, source in names.items() if not is_done(job.store, before.get(name), prints[name])]
    book = Crosswalk(crosswalk) if crosswalk else None
    run = SourceRun(job.store, job.key, before, workers, book, progress, "import")
    run.work(partial(import_file, legacy=legacy), todo)
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
