"""Files that are whole or not there: written under a temporary name, then renamed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from preprocess.errors import MachineError

__all__ = ["remove_stale", "replacing", "sweep", "write_text", "writing"]


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


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """A block that writes a file, and does nothing else.

    Args:
        path: the file, for the message.

    Raises:
        MachineError: the machine could not write it: a full disk, a folder that is not the user's.
    """
    try:
        yield
    except OSError as error:
        problem = error.strerror or "the disk is full or fails"  # libraries lose the number of the error
        raise MachineError(f"cannot write {path}: {problem}", "make room, or choose another place") from error


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
        MachineError: the file cannot be written.
    """
    with writing(path):
        remove_stale(path)
        with replacing(path) as temporary:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
                file.write(text)
