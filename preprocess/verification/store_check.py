"""A whole store checked: files in parallel, then its tables against what the files hold."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from preprocess.store.manifest import MANIFEST_COLUMNS, ClipColumn
from preprocess.system.pool import Done, Failed, work
from preprocess.verification.cache import Fingerprints
from preprocess.verification.file_check import Checked, Task, check_file
from preprocess.verification.folder_check import scan
from preprocess.verification.problem import Check, Problem
from preprocess.verification.table_check import compare_ledger, compare_manifest, read_tables

__all__ = ["Options", "StoreCheck", "check_store"]

_log = logging.getLogger(__name__)
_EXTRA = ("position", "normal_x", "normal_y", "normal_z", "is_even")
_BATCH = 500  # studies whose clips are gathered to one table at a time
_UNREADABLE = (Check.UNCHECKED, Check.READABLE, Check.SCHEMA, Check.STRUCTURE, Check.PIXELS)


@dataclass(frozen=True)
class Options:
    """How a store is checked.

    Attributes:
        workers: processes; 0 to work in this one.
        with_fingerprints: whether near-duplicates will be looked for.
        number: of the store on the command line, from 1.
        timeout_s: seconds after which a file without progress is given up.
    """

    workers: int = 0
    with_fingerprints: bool = True
    number: int = 1
    timeout_s: float = 300.0


@dataclass
class StoreCheck:
    """What the check of a store came to.

    Attributes:
        problems: everything that is wrong.
        n_studies: files looked at.
        clips: a row per slice that could be read: the columns of the manifest, `position`, `normal_x` to `normal_z`
            and `is_even` (all pixels are equal).
        words: fingerprints `[clip, 4]`, zero where there is none.
        is_valid: whether there is one, `[clip]`.
        is_cached: whether the fingerprints could be kept in the store.
    """

    problems: list[Problem]
    n_studies: int
    clips: pd.DataFrame
    words: np.ndarray[tuple[int, ...], np.dtype[np.uint64]]
    is_valid: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
    is_cached: bool


@dataclass
class _Gathered:
    """Clips of the files read so far, gathered to tables now and then, so that few Python objects are alive."""

    rows: list[tuple[Any, ...]] = field(default_factory=list)
    tables: list[pd.DataFrame] = field(default_factory=list)

    def add(self, checked: Checked) -> None:
        for clip in checked.clips:
            self.rows.append((*vars(clip.row).values(), clip.position, *clip.normal, clip.is_even))
        if len(self.rows) > 13 * _BATCH:
            self.flush()

    def flush(self) -> None:
        if self.rows or not self.tables:
            table = pd.DataFrame(self.rows, columns=[*MANIFEST_COLUMNS, *_EXTRA])
            self.tables.append(table.astype({**MANIFEST_COLUMNS, "is_even": bool}))
            self.rows.clear()

    def table(self) -> pd.DataFrame:
        self.flush()
        return pd.concat(self.tables, ignore_index=True)


def check_store(
    store: Path, options: Options, progress: Callable[[int, int], None] = lambda done, total: None
) -> StoreCheck:
    """Check every file of a store, its manifest and its ledger.

    An interrupt keeps the fingerprints that were made, so that the next run is faster.

    Raises:
        PreprocessError: no such store.
    """
    studies, problems = scan(store)
    manifest, of_tables = read_tables(store)
    problems += of_tables
    known = Fingerprints(store)
    gathered = _Gathered()
    tasks = _tasks(store, studies, manifest, known, options)
    try:
        for done, outcome in enumerate(work(check_file, tasks, options.workers), start=1):
            checked = outcome.result if isinstance(outcome, Done) else _lost(outcome)
            problems += checked.problems
            gathered.add(checked)
            for clip in checked.clips if options.with_fingerprints else ():
                if clip.row.pixel_sha256 not in known:
                    known.add(clip.row.pixel_sha256, clip.words)
            progress(done, len(studies))
    finally:
        is_cached = not options.with_fingerprints or known.save()
    clips = gathered.table()
    problems += _compare(store, manifest, clips, set(studies), problems)
    if options.with_fingerprints:
        known.keep(set(clips[ClipColumn.SHA256]))
        is_cached = known.save() and is_cached
    numbered = [replace(problem, store=options.number) for problem in problems]
    return StoreCheck(numbered, len(studies), clips, *_words(clips, known, options), is_cached)


def _tasks(
    store: Path,
    studies: Iterable[tuple[str, str]],
    manifest: pd.DataFrame | None,
    known: Fingerprints,
    options: Options,
) -> list[Task]:
    listed: dict[tuple[str, str], set[str]] = {}
    if manifest is not None and options.with_fingerprints:
        for patient, study, sha256 in zip(
            manifest[ClipColumn.PATIENT], manifest[ClipColumn.STUDY], manifest[ClipColumn.SHA256], strict=True
        ):
            if sha256 in known:
                listed.setdefault((patient, study), set()).add(sha256)
    return [
        Task(
            store,
            *keys,
            known=frozenset(listed.get(keys, ())) if options.with_fingerprints else None,
            timeout_s=options.timeout_s,
        )
        for keys in studies
    ]


def _lost(lost: Failed[Task]) -> Checked:
    """A file whose check came to no end; an error of our own says nothing about the file."""
    check, text = Check.READABLE, "reading it ended the process (damaged HDF5, or out of memory)"
    if lost.error is not None:
        check = Check.UNCHECKED
        text = f"the check itself failed ({type(lost.error).__name__}): please report this as a fault of verify"
        _log.error("a check failed", exc_info=lost.error)
    return Checked([Problem(check, text, lost.task.patient, lost.task.study)])


def _compare(
    store: Path,
    manifest: pd.DataFrame | None,
    clips: pd.DataFrame,
    present: set[tuple[str, str]],
    problems: Iterable[Problem],
) -> list[Problem]:
    damaged = {(problem.patient, problem.study) for problem in problems if problem.check in _UNREADABLE}
    views: dict[tuple[str, str], set[str]] = {}
    for patient, study, view in zip(
        clips[ClipColumn.PATIENT], clips[ClipColumn.STUDY], clips[ClipColumn.VIEW], strict=True
    ):
        if (patient, study) not in damaged:
            views.setdefault((patient, study), set()).add(view)
    found = list(compare_ledger(store, views, present))
    if manifest is not None:
        found += compare_manifest(manifest, clips[list(MANIFEST_COLUMNS)], present, set(views))
    return found


def _words(
    clips: pd.DataFrame, known: Fingerprints, options: Options
) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.uint64]], np.ndarray[tuple[int, ...], np.dtype[np.bool_]]]:
    words = np.zeros((len(clips), 4), np.uint64)
    is_valid = np.zeros(len(clips), bool)
    for index, sha256 in enumerate(clips[ClipColumn.SHA256] if options.with_fingerprints else ()):
        own = known[sha256]
        if own is not None:
            words[index], is_valid[index] = own, True
    return words, is_valid
