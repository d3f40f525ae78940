"""The only place where real identifiers are written: a file of the site, mode 0600, outside the store."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable
from pathlib import Path

from preprocess.errors import PreprocessError
from preprocess.privacy.keys import SiteKey

__all__ = ["Crosswalk", "crosswalk_lines", "refuse_inside"]

_HEADER = ("kind", "hash", "identifier")


def refuse_inside(path: Path, store: Path, what: str) -> None:
    """Raise where a secret file would lie in the store.

    Raises:
        PreprocessError: `path` is inside `store`.
    """
    if path.resolve().is_relative_to(store.resolve()):
        raise PreprocessError(f"the {what} may not lie inside the store", "stores are copied and shared")


def crosswalk_lines(key: SiteKey, source: str, studies: Iterable[tuple[str, str]]) -> tuple[tuple[str, str, str], ...]:
    """What the crosswalk says of a source: (kind, hash, identifier), sorted.

    Args:
        key: the site's key.
        source: what identifies the source at the site.
        studies: real identifiers of patient and study.
    """
    lines = {("source", key.source(source), source)}
    for patient, study in studies:
        lines |= {("patient", key.patient(patient), patient), ("study", key.study(patient, study), study)}
    return tuple(sorted(lines))


class Crosswalk:
    """Appends lines (kind, hash, identifier) that the file does not hold yet.

    Args:
        path: the file; made with mode 0600.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: set[tuple[str, ...]] = set()
        if path.exists():
            path.chmod(0o600)
            with path.open(encoding="utf-8", newline="") as file:
                self._known = {tuple(line) for line in csv.reader(file)}
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
        self.add([_HEADER])

    def add(self, lines: Iterable[tuple[str, str, str]]) -> None:
        """Append what is new."""
        new = sorted(set(lines) - self._known)
        if not new:
            return
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="\n").writerows(new)
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(buffer.getvalue())
        self._known.update(new)
