"""Manifest and ledger of a store compared with what its files hold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from preprocess.errors import DamagedFileError, MachineError
from preprocess.privacy.keys import is_key
from preprocess.store.ledger import LEDGER_FILE, STORED, has_ledger, read_ledger
from preprocess.store.manifest import MANIFEST_COLUMNS, MANIFEST_FILES, ClipColumn, checked_manifest
from preprocess.verification.problem import Check, Problem, safe_key, safe_view

__all__ = ["compare_ledger", "compare_manifest", "read_tables"]

_KEYS = ["patient", "study", "view", "slice"]
_MAX_SHOWN = 10_000  # rows of one kind; a manifest of another store need not be repeated as a whole

Keys = set[tuple[str, str]]


def read_tables(store: Path) -> tuple[pd.DataFrame | None, list[Problem]]:
    """The clip manifest, None where there is none to read, and what is wrong with its two files as such."""
    problems = []
    tables: dict[str, pd.DataFrame] = {}
    for name in MANIFEST_FILES:
        path = store / name
        if path.is_symlink() or not path.is_file():
            problems.append(Problem(Check.MANIFEST, f"{name} is missing"))
            continue
        try:
            tables[name] = checked_manifest(path)
        except MachineError:
            problems.append(Problem(Check.UNCHECKED, f"this machine could not read {name}"))
        except DamagedFileError:
            problems.append(Problem(Check.MANIFEST, f"{name} cannot be read as a clip manifest"))
    if len(tables) == 2:
        a, b = tables.values()
        if len(a) != len(b) or any(_differs(a[name], b[name]).any() for name in MANIFEST_COLUMNS):
            problems.append(Problem(Check.MANIFEST, "clips.csv and clips.parquet differ"))
    return next(iter(tables.values()), None), problems


def _differs(a: pd.Series, b: pd.Series) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Where two columns differ; a CSV may have rounded the last digit, unknown equals unknown."""
    if MANIFEST_COLUMNS[str(a.name)] == "float64":
        left, right = a.to_numpy(np.float64), b.to_numpy(np.float64)
        return np.asarray(~np.isclose(left, right, rtol=1e-9, atol=0, equal_nan=True), dtype=bool)
    return np.asarray(a.to_numpy() != b.to_numpy(), dtype=bool)


def compare_manifest(manifest: pd.DataFrame, found: pd.DataFrame, present: Keys, readable: Keys) -> Iterator[Problem]:
    """Compare the manifest with the clips that the files hold.

    Args:
        manifest: the columns `MANIFEST_COLUMNS`.
        found: the same columns, read from the files.
        present: (patient, study) of the files.
        readable: those of which every view could be read.
    """
    is_hashed = manifest[ClipColumn.PATIENT].map(is_key) & manifest[ClipColumn.STUDY].map(is_key)
    if not is_hashed.all():
        yield Problem(Check.MANIFEST, f"{int((~is_hashed).sum())} rows whose keys are not 16 hex digits (not shown)")
    manifest = manifest[is_hashed]
    repeated = manifest.duplicated(_KEYS)
    for patient, study in _studies(manifest[repeated]):
        yield Problem(Check.MANIFEST, "a clip has several rows in the manifest", patient, study)
    listed = _studies(manifest)
    for patient, study in sorted(listed - present):
        yield Problem(Check.PRESENCE, "the manifest has the study, the store has no file of it", patient, study)
    for patient, study in sorted(present - listed):
        yield Problem(Check.PRESENCE, "the store has a file, the manifest has no such study", patient, study)
    shared = listed & readable
    yield from _compare_clips(manifest[~repeated], found, shared)


def _studies(table: pd.DataFrame) -> Keys:
    return set(zip(table[ClipColumn.PATIENT], table[ClipColumn.STUDY], strict=True))


def _of(table: pd.DataFrame, studies: Keys) -> pd.DataFrame:
    chosen = [pair in studies for pair in zip(table[ClipColumn.PATIENT], table[ClipColumn.STUDY], strict=True)]
    part: pd.DataFrame = table[np.array(chosen, dtype=bool)]
    return part


def _compare_clips(manifest: pd.DataFrame, found: pd.DataFrame, studies: Keys) -> Iterator[Problem]:
    both = _of(manifest, studies).merge(
        _of(found, studies), on=_KEYS, how="outer", suffixes=("", "_found"), indicator="side"
    )
    sides = {"left_only": "the clip is in the manifest, not in the file",
             "right_only": "the clip is in the file, not in the manifest"}  # fmt: skip
    for side, text in sides.items():
        for row in both[both["side"] == side].head(_MAX_SHOWN).itertuples():
            yield Problem(
                Check.MANIFEST, text, safe_key(row.patient), safe_key(row.study), safe_view(row.view), _slice(row.slice)
            )
    both = both[both["side"] == "both"].reset_index(drop=True)
    values = [name for name in MANIFEST_COLUMNS if name not in _KEYS]
    differ = {name: _differs(both[name], both[f"{name}_found"].rename(name)) for name in values}
    for index in np.flatnonzero(np.any(list(differ.values()), axis=0))[:_MAX_SHOWN].tolist():
        names = ", ".join(name for name in values if differ[name][index])
        row = both.loc[index, _KEYS]
        yield Problem(
            Check.MANIFEST,
            f"the manifest says another {names} than the file",
            str(row[ClipColumn.PATIENT]),
            str(row[ClipColumn.STUDY]),
            safe_view(row[ClipColumn.VIEW]),
            _slice(row[ClipColumn.SLICE]),
        )


def _slice(value: object) -> int | None:
    return int(value) if isinstance(value, int | float | np.number) and np.isfinite(value) else None


def compare_ledger(store: Path, views: dict[tuple[str, str], set[str]], present: Keys) -> Iterator[Problem]:
    """Compare `ledger.csv`, where there is one, with the files.

    Args:
        store: the store.
        views: views of each file that could be read, by (patient, study).
        present: (patient, study) of the files.
    """
    if not has_ledger(store):
        yield Problem(Check.LEDGER, f"{LEDGER_FILE} is missing")
        return
    try:
        rows = [(row.patient, row.study, row.view) for row in read_ledger(store) if row.outcome == STORED]
    except MachineError:
        yield Problem(Check.UNCHECKED, f"this machine could not read {LEDGER_FILE}")
        return
    except DamagedFileError:
        yield Problem(Check.LEDGER, f"{LEDGER_FILE} cannot be read as a ledger")
        return
    stored = list(dict.fromkeys(rows))  # each once, in the ledger's order
    said = {(patient, study) for patient, study, _ in stored if all(map(is_key, (patient, study)))}
    for patient, study in sorted(said - present):
        yield Problem(Check.LEDGER, "the ledger says stored, the store has no file of it", patient, study)
    for patient, study in sorted(present - said):
        yield Problem(Check.LEDGER, "the store has a file, the ledger says of no series that it was stored",
                      patient, study)  # fmt: skip
    for patient, study, view in stored:
        if view not in views.get((patient, study), {view}):
            yield Problem(Check.LEDGER, "the ledger says stored, the file has no such view",
                          patient, study, safe_view(view))  # fmt: skip
