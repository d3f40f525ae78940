"""Files that are whole or not there: written under a temporary name, then renamed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from preprocess.errors import PreprocessError

__all__ = ["remove_stale", "replacing", "sweep", "write_text"]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary name beside `path` to write to; it becomes `path` when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def remove_stale(path: Path) -> None:
    """Remove what a killed process left of writing this very file."""
    for stale in path.parent.glob(f".{path.name}.*.tmp"):
        stale.unlink(missing_ok=True)


def sweep(store: Path) -> None:
    """Remove what killed processes left anywhere in a store; nobody else may be writing to it."""
    for stale in (*store.glob(".*.tmp"), *store.glob("*/.*.tmp"), *store.glob(".ledger/shards/.*.tmp")):
        stale.unlink(missing_ok=True)


def write_text(path: Path, text: str, mode: int = 0o644) -> None:
    """Write UTF-8 text as it stands; `mode` holds from the first byte on.

    Raises:
        PreprocessError: the file cannot be written.
    """
    try:
        remove_stale(path)
        with replacing(path) as temporary:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
                file.write(text)
    except OSError as error:
        raise PreprocessError(f"cannot write {path}: {error.strerror}", "choose another place") from None
