"""The only place where real identifiers are written: a file of the site, mode 0600, outside the store."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable
from pathlib import Path

from preprocess.errors import PreprocessError

__all__ = ["Crosswalk", "refuse_inside"]

_HEADER = ("kind", "hash", "identifier")


def refuse_inside(path: Path, store: Path, what: str) -> None:
    """Raise where a secret file would lie in the store.

    Raises:
        PreprocessError: `path` is inside `store`.
    """
    if path.resolve().is_relative_to(store.resolve()):
        raise PreprocessError(f"the {what} may not lie inside the store", "stores are copied and shared")


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
