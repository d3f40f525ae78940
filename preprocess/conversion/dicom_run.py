"""A whole conversion: workers, shards, resume, merging of studies that are spread over sources, and the tables."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from preprocess.conversion.job import Job
from preprocess.conversion.outcome import Outcome, finish
from preprocess.conversion.records import Progress, SourceRun, claimed_by_others, is_done
from preprocess.conversion.shards import all_done, mark_done
from preprocess.conversion.source import process_source
from preprocess.errors import PreprocessError
from preprocess.privacy.crosswalk import Crosswalk
from preprocess.sources.finding import Shard, Source, find_sources
from preprocess.store.ledger import Record, part_path, read_index
from preprocess.store.study_file import SCHEMA_VERSION
from preprocess.system.files import sweep, write_text

__all__ = ["Outcome", "Progress", "check_settings", "convert"]

_SETTINGS = {"schema": "version", "bits": "--bits", "spacing_mm": "--spacing", "crop": "--crop"}


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
        workers: processes; 0 to work in this one.
        shard: only this part of the sources. The run that ends last of all parts merges spread studies and writes
            the tables; any other returns an outcome that is not `is_finished`.
        crosswalk: file to append real identifiers to.
        progress: called as work goes on.

    Raises:
        PreprocessError: an input does not exist or holds nothing, or the store was made with another key or width.
    """
    sources = find_sources(inputs, job.store, ids_from_headers=job.ids_from_headers)
    if not sources:
        raise PreprocessError("no archive and no file found in the inputs", "check --input")
    check_settings(job)
    names = {source.key_hash(job.key): source for source in sources}
    before = read_index(job.store)
    job = replace(job, claimed=claimed_by_others(before, names))
    mine = [source for name, source in names.items() if shard is None or shard.holds(name)]
    parts = _parts(before)
    todo = [source for source in mine if not _is_done(source, job, before, parts)]
    task = partial(process_source, job=job)
    run = SourceRun(job.store, job.key, before, workers, Crosswalk(crosswalk) if crosswalk else None, progress)
    run.work(task, todo)
    if shard is not None:
        mark_done(job.store, shard, names)
        if not all_done(job.store, shard, names):
            return Outcome(n_sources=len(mine), n_skipped=len(mine) - len(todo))
    index = read_index(job.store)
    mergers = _mergers(names, index)
    replace(run, before=index).work(task, [one for one in mergers if not _is_done(one, job, index, set())])
    current = set(names) | {merger.key_hash(job.key) for merger in mergers}
    _forget_stale_mergers(job, index, set(names), current)
    sweep(job.store)
    outcome = finish(job.store, current, partial(progress, "write tables") if progress else None)
    return replace(outcome, n_sources=len(mine), n_skipped=len(mine) - len(todo))


def check_settings(job: Job) -> None:
    """A store has one key and one way to make pixels."""
    path = job.store / ".ledger" / "settings.json"
    own = {"schema": SCHEMA_VERSION, "bits": job.bits, "spacing_mm": job.spacing_mm, "crop": job.crop}
    settings: dict[str, object] = {"key_check": job.key.source("key check"), **own}
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        write_text(path, json.dumps(settings))
        return
    except json.JSONDecodeError:
        raise PreprocessError("the store's settings.json is damaged", "remove the store and convert again") from None
    if before.get("key_check") != settings["key_check"]:
        raise PreprocessError("the store was made with another site key", "name that key with --key")
    others = [_SETTINGS[name] for name in own if before.get(name) != own[name]]
    if others:
        raise PreprocessError(f"the store was made with another {', '.join(others)}", "use another --out")


def _parts(index: Mapping[str, Record]) -> set[str]:
    """Sources whose studies were written over by the merger that they are part of."""
    return {part for record in index.values() for part in record.parts}


def _is_done(source: Source, job: Job, index: Mapping[str, Record], parts: Collection[str]) -> bool:
    name = source.key_hash(job.key)
    fingerprint = source.fingerprint(job.key, job.options)
    return is_done(job.store, index.get(name), fingerprint, check_sizes=name not in parts)


def _mergers(sources: Mapping[str, Source], index: Mapping[str, Record]) -> list[Source]:
    """A source for each set of sources that hold parts of one study."""
    owner: dict[tuple[str, str], str] = {}
    parent = {name: name for name in sources}

    def root(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    for name in sorted(sources):
        record = index.get(name)
        for study in record.seen if record else ():
            first = owner.setdefault(study, name)
            parent[root(name)] = root(first)
    sets: dict[str, list[str]] = {}
    for name in sorted(sources):
        sets.setdefault(root(name), []).append(name)
    spread = [tuple(sorted(group, key=lambda name: sources[name].paths)) for group in sets.values() if len(group) > 1]
    return [Source(tuple(path for name in group for path in sources[name].paths), group) for group in spread]


def _forget_stale_mergers(job: Job, index: Mapping[str, Record], given: set[str], valid: set[str]) -> None:
    for record in index.values():
        if record.parts and given.issuperset(record.parts) and record.source not in valid:
            part_path(job.store, record.source).unlink(missing_ok=True)
