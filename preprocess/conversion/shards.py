"""Which parts of a sharded conversion have ended, so that the last one can write the tables.

Each part leaves a mark in the store that names the sources it was one of; marks of other inputs do not count.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from preprocess.sources.finding import Shard
from preprocess.system.files import write_text

__all__ = ["all_done", "mark_done"]


def mark_done(store: Path, shard: Shard, sources: Iterable[str]) -> None:
    """Say that a part has ended.

    Args:
        store: the store.
        shard: the part.
        sources: hashes of the sources of all parts.
    """
    write_text(_mark(store, shard), _digest(sources))


def all_done(store: Path, shard: Shard, sources: Iterable[str]) -> bool:
    """True where every part of these sources has ended."""
    digest = _digest(sources)
    marks = (_mark(store, Shard(index, shard.count)) for index in range(1, shard.count + 1))
    return all(mark.is_file() and mark.read_text(encoding="ascii") == digest for mark in marks)


def _mark(store: Path, shard: Shard) -> Path:
    return store / ".ledger" / "shards" / f"{shard.index}-of-{shard.count}"


def _digest(sources: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(sources)).encode()).hexdigest()
