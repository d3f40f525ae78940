"""Studies that are spread over sources: these sources are processed again as one, a merger."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from preprocess.sources.finding import Source
from preprocess.store.ledger import Record, part_path

__all__ = ["forget_stale_mergers", "mergers_of", "parts_of_mergers"]


def parts_of_mergers(index: Mapping[str, Record]) -> set[str]:
    """Sources, by hash, whose studies were written over by the merger that they are part of."""
    return {part for record in index.values() for part in record.parts}


def mergers_of(sources: Mapping[str, Source], index: Mapping[str, Record]) -> list[Source]:
    """A source for each set of sources that hold parts of one study.

    Args:
        sources: by hash.
        index: their records.
    """
    owner: dict[tuple[str, str], str] = {}
    parent = {name: name for name in sources}

    def root(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    # Sources that share a study, or are linked by others that do, get one root.
    for name in sorted(sources.keys() & index.keys()):
        for study in index[name].seen:
            first = owner.setdefault(study, name)
            parent[root(name)] = root(first)
    groups: dict[str, list[str]] = {}
    for name in sorted(sources):
        groups.setdefault(root(name), []).append(name)
    spread = [sorted(group, key=lambda name: sources[name].paths) for group in groups.values() if len(group) > 1]
    return [Source(tuple(path for name in group for path in sources[name].paths), tuple(group)) for group in spread]


def forget_stale_mergers(
    store: Path, index: Mapping[str, Record], given: Collection[str], current: Collection[str]
) -> None:
    """Remove the records of mergers whose parts are all given again and hold no study together any more.

    Args:
        store: the store.
        index: its records.
        given: sources of this run, by hash.
        current: the same, and their mergers.
    """
    for record in index.values():
        if record.parts and set(given).issuperset(record.parts) and record.source not in current:
            part_path(store, record.source).unlink(missing_ok=True)
