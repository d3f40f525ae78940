"""What lies in the folder of a store; links are not followed, and foreign names are not repeated."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from preprocess.errors import PreprocessError
from preprocess.privacy.keys import is_key
from preprocess.store.ledger import LEDGER_FILE
from preprocess.store.manifest import MANIFEST_FILES
from preprocess.store.study_file import STUDY_SUFFIX
from preprocess.verification.problem import Check, Problem

__all__ = ["KNOWN_FILES", "scan"]

KNOWN_FILES = frozenset({*MANIFEST_FILES, LEDGER_FILE, "fingerprints.parquet", "verification.csv", "duplicates.csv"})
_TEMPORARY = re.compile(r"\..+\.[0-9]+\.tmp")
_HIDDEN = ".ledger"


def scan(store: Path) -> tuple[list[tuple[str, str]], list[Problem]]:
    """The (patient, study) keys whose files can be opened, sorted, and what does not belong into the store.

    Raises:
        PreprocessError: no such folder.
    """
    if not store.is_dir():
        raise PreprocessError(f"no study store at {store}", "make one with cmr-preprocess convert")
    studies: list[tuple[str, str]] = []
    problems: list[Problem] = []
    for entry in _entries(store):
        if is_key(entry.name) and entry.is_dir(follow_symlinks=False):
            own, found = _patient(entry)
            studies += own
            problems += found
        elif entry.name == _HIDDEN and entry.is_dir(follow_symlinks=False):
            problems += _hidden(Path(entry.path))
        elif entry.name not in KNOWN_FILES or not entry.is_file(follow_symlinks=False):
            problems.append(Problem(Check.FOLDER, _what(entry)))
    return studies, problems


def _entries(folder: str | Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name)


def _patient(folder: os.DirEntry[str]) -> tuple[list[tuple[str, str]], list[Problem]]:
    studies, problems = [], []
    entries = _entries(folder.path)
    for entry in entries:
        stem, dot, suffix = entry.name.partition(".")
        if is_key(stem) and dot + suffix == STUDY_SUFFIX and entry.is_file(follow_symlinks=False):
            studies.append((folder.name, stem))
        else:
            study = stem if is_key(stem) else ""
            problems.append(Problem(Check.FOLDER, _what(entry), folder.name, study))
    if not entries:
        problems.append(Problem(Check.FOLDER, "a patient's folder that is empty", folder.name))
    return studies, problems


def _hidden(folder: Path) -> Iterator[Problem]:
    """The records of a conversion: only what a killed process left, and links."""
    for entry in _entries(folder):
        if entry.is_symlink() or _TEMPORARY.fullmatch(entry.name):
            yield Problem(Check.FOLDER, _what(entry) + " among the records of the conversion")


def _what(entry: os.DirEntry[str]) -> str:
    if entry.is_symlink():
        return "a link: it was not followed"
    if entry.is_dir(follow_symlinks=False):
        return "a folder that is none of a store (name not shown)"
    if not entry.is_file(follow_symlinks=False):
        return "neither file nor folder"
    if _TEMPORARY.fullmatch(entry.name):
        return "a temporary file that a killed process left"
    return "a file that is none of a store (name not shown)"
