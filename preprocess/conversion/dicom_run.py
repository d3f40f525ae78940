"""A whole conversion of DICOM: the importer of archives and folders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from preprocess.conversion.job import Job
from preprocess.conversion.outcome import Outcome
from preprocess.conversion.records import Progress
from preprocess.conversion.run import Found, fill_store
from preprocess.conversion.source import process_source
from preprocess.errors import PreprocessError
from preprocess.sources.finding import Shard, Source, find_sources
from preprocess.store.ledger import Record

__all__ = ["DicomImporter", "convert"]


@dataclass(frozen=True)
class DicomImporter:
    """Archives and folders of DICOM, and the volumes of public data sets, as an `Importer`.

    Attributes:
        inputs: folders, archives or single files.
        job: the store and how to fill it.
    """

    inputs: tuple[Path, ...]
    job: Job
    what: str = "convert"

    @property
    def options(self) -> str:
        """Whatever changes how a source is converted."""
        return self.job.options

    def find(self) -> Found:
        """Every archive, and every set of archives or folders known to be one study.

        Raises:
            PreprocessError: an input does not exist or holds nothing.
        """
        sites = () if self.job.ids_from_headers else self.job.sites
        sources = find_sources(self.inputs, self.job.store, sites)
        if not sources:
            raise PreprocessError("no archive and no file found in the inputs", "check --input")
        return Found(sources)

    def process(self, source: Source, claimed: frozenset[tuple[str, str]]) -> Record:
        """Convert every study of a source."""
        return process_source(source, replace(self.job, claimed=claimed))


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
        workers: see `fill_store`, as for the rest.
        shard: only this part of the sources.
        crosswalk: file to append real identifiers to.
        progress: called as work goes on.

    Raises:
        PreprocessError: an input does not exist or holds nothing, or the store was made with another key or width.
    """
    importer = DicomImporter(tuple(inputs), job)
    return fill_store(importer, workers=workers, shard=shard, crosswalk=crosswalk, progress=progress)
