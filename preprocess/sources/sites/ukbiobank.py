"""UK Biobank's cardiac MRI: one zip for each participant, data field and visit, each with a manifest.

The names are `<eid>_<field>_<instance>_<array>.zip` (showcase category 102). A visit's views lie in different zips,
so that a study is a participant's visit, not a zip.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Mapping
from pathlib import PurePath

from preprocess.errors import PreprocessError
from preprocess.sources.sites.identity import Identity, parts_of
from preprocess.sources.sites.protocol import Aside, Site

__all__ = ["FIELDS", "MANIFEST", "MISSING", "UkBiobank", "is_manifest", "missing_files"]

FIELDS = {
    20207: "scout",
    20208: "long axis",
    20209: "short axis",
    20210: "aortic distensibility",
    20211: "tagging",
    20212: "left ventricular outflow tract",
    20213: "blood flow",
    20214: "experimental ShMOLLI",
}
MANIFEST = "manifest of a UK Biobank archive"
MISSING = "listed in the UK Biobank manifest but not in the archive"

_ARCHIVE = re.compile(
    rf"(?P<eid>[1-9]\d{{6}})_(?:{'|'.join(map(str, FIELDS))})_(?P<instance>\d)_\d{{1,2}}\.zip", re.IGNORECASE | re.ASCII
)
_LARGEST_MANIFEST = 16 << 20  # bytes; real ones have a few hundred rows


class UkBiobank(Site):
    """The archives, and their manifests."""

    name = "ukbiobank"
    title = "UK Biobank"
    files = "archives <eid>_<field>_<instance>_<array>.zip of UK Biobank"

    def identify(self, path: PurePath) -> Identity | None:
        """Participant and visit from the name of an archive, also for a path inside of it."""
        for part in reversed(parts_of(path)):
            found = _ARCHIVE.fullmatch(part)
            if found:
                return Identity(found["eid"], f"{found['eid']}_{found['instance']}", self.name)
        return None

    def aside(self, path: PurePath) -> Aside | None:
        """The manifest of an archive."""
        return Aside(MANIFEST, is_manifest=True) if is_manifest(str(path)) and self.identify(path) else None

    def missing(self, manifest: bytes, present: Collection[str]) -> Mapping[str, int]:
        """How many files the download lacks, see `missing_files`."""
        n_missing = len(missing_files(manifest, present))
        return {MISSING: n_missing} if n_missing else {}


def is_manifest(name: str) -> bool:
    """True for the table that such an archive holds; some are misspelt `manifest.cvs`."""
    parts = parts_of(name)
    return bool(parts) and parts[-1].lower() in ("manifest.csv", "manifest.cvs")


def missing_files(manifest: bytes, present: Collection[str]) -> list[str]:
    """The files that a manifest lists and the archive does not hold, in the manifest's order.

    In many manifests the date has a comma without quotes (`Aug 21, 2017`), which makes rows longer than the header.

    Args:
        manifest: content of `manifest.csv`.
        present: names of the archive's members, with or without folders.

    Returns:
        Bare file names. They are UIDs with dates: count them in a ledger, never write them.

    Raises:
        PreprocessError: not a table, or without a column `filename`.
    """
    if len(manifest) > _LARGEST_MANIFEST:
        raise PreprocessError("UK Biobank manifest is too large")
    reader = csv.reader(io.StringIO(manifest.decode("utf-8-sig", errors="replace"), newline=""))
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        if "filename" not in header:
            raise PreprocessError("UK Biobank manifest has no column filename")
        listed = [_filename(header, row) for row in reader]
    except csv.Error as error:
        raise PreprocessError("UK Biobank manifest is not a CSV table") from error
    held = {parts[-1] for parts in map(parts_of, present) if parts}
    return [name for name in dict.fromkeys(listed) if name and name not in held]


def _filename(header: list[str], row: list[str]) -> str:
    """The file of a row, as its last path component; columns behind a date with a comma are further right."""
    column = header.index("filename")
    if "date" in header[:column]:
        column += max(0, len(row) - len(header))
    parts = parts_of(row[column].strip()) if column < len(row) else ()
    return parts[-1] if parts else ""
