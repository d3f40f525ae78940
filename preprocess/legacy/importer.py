"""A whole import of legacy files: where they lie, which are left out, and the importer that fills a store."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from preprocess.conversion.job import Job
from preprocess.conversion.outcome import Outcome
from preprocess.conversion.records import Progress
from preprocess.conversion.run import Found, fill_store
from preprocess.errors import PreprocessError
from preprocess.legacy.study_import import LegacyJob, identity, import_file
from preprocess.privacy.keys import default_key_path
from preprocess.sources.finding import Source
from preprocess.store.ledger import Record, Row

__all__ = ["LegacyFiles", "LegacyImporter", "find_legacy", "import_legacy"]

_SUFFIXES = (".h5", ".hdf5")
_TWICE = "another file of this patient folder and study was used"
_NO_FOLDER = "not in a folder <institution>_<mrn>"
_NO_HDF = "not named as an HDF file"


@dataclass(frozen=True)
class LegacyFiles:
    """What lies under the inputs.

    Attributes:
        sources: one file each.
        left_out: reason to the other files.
    """

    sources: tuple[Source, ...]
    left_out: Mapping[str, tuple[Path, ...]]


def find_legacy(inputs: Sequence[Path], store: Path) -> LegacyFiles:
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
    return LegacyFiles(found, {reason: tuple(paths) for reason, paths in left_out.items()})


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


@dataclass(frozen=True)
class LegacyImporter:
    """The files of the paper's tools as an `Importer`.

    Attributes:
        inputs: folders or files.
        legacy: the store and how to fill it.
    """

    inputs: tuple[Path, ...]
    legacy: LegacyJob
    what: str = "import"

    @property
    def job(self) -> Job:
        """The store and its key."""
        return self.legacy.job

    @property
    def options(self) -> str:
        """Whatever changes how a file is imported."""
        return self.legacy.options

    def find(self) -> Found:
        """One source for each file, and a record for each reason to leave files out, with their number.

        Raises:
            PreprocessError: an input does not exist, or there is no such file.
        """
        files = find_legacy(self.inputs, self.job.store)
        place = "\n".join(sorted(str(path.resolve()) for path in self.inputs))
        left_out: list[Record] = []
        for reason in (_NO_HDF, _NO_FOLDER, _TWICE):
            source, paths = self.job.key.source(f"{reason}\n{place}"), files.left_out.get(reason, ())
            rows = (Row(source, n_files=len(paths), reason=reason),) if paths else ()  # none: no such files any more
            left_out.append(Record(source, rows=rows))
        return Found(files.sources, left_out)

    def process(self, source: Source, claimed: frozenset[tuple[str, str]]) -> Record:
        """Import one file."""
        return import_file(source, replace(self.legacy, job=replace(self.job, claimed=claimed)))


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
        workers: see `fill_store`, as for the rest.
        crosswalk: file to append real identifiers to.
        progress: called with what is done, and how much of how much.

    Raises:
        PreprocessError: no file found, or the store was made with another key or width.
    """
    importer = LegacyImporter(tuple(inputs), legacy)
    return fill_store(importer, workers=workers, crosswalk=crosswalk, progress=progress)
