"""One study of a store: how to find it by what a person types, and what is known of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from preprocess.errors import DamagedFileError, PreprocessError
from preprocess.privacy.keys import is_key
from preprocess.store.ledger import Row, has_ledger, read_ledger
from preprocess.store.study import Study
from preprocess.store.study_file import STUDY_SUFFIX, open_study, read_study, study_path, views_in

__all__ = ["FoundStudy", "find_study", "ledger_rows", "load_study", "printable"]

_PREFIX = re.compile(r"(?:([0-9a-f]{1,16})/)?([0-9a-f]{1,16})")
_LISTED = 10
_MAX_BYTES = 8 << 30  # of pixels; more is a damaged file or a trap


@dataclass(frozen=True)
class FoundStudy:
    """Where a study is."""

    store: Path
    patient: str
    study: str


def find_study(text: str, store: Path | None) -> FoundStudy:
    """Find a study by its key, the beginning of it, `patient/study`, or the path of its file.

    Raises:
        PreprocessError: none or several fit; the error lists what could be meant.
    """
    if text.endswith(STUDY_SUFFIX):
        return _by_path(Path(text))
    if store is None:
        raise PreprocessError("no --store", "name the store, or the path of an .h5 file")
    if not store.is_dir():
        raise PreprocessError(f"no study store at {store}", "make one with cmr-preprocess convert")
    match = _PREFIX.fullmatch(text.strip().lower())
    if not match:
        raise PreprocessError("not a study key", "give its 16 hex digits or the first of them, or patient/study")
    patient, study = match[1] or "", match[2]
    found = _matching(store, patient, study)
    if len(found) == 1:
        return found[0]
    if found:
        raise PreprocessError(f"{len(found)} studies fit {text}", f"add digits: {_list(found)}")
    of_patient = [] if patient else _matching(store, study, "")
    if of_patient:
        raise PreprocessError(f"{text} is no study but a patient", f"choose one of: {_list(of_patient)}")
    raise PreprocessError(f"no study {text} in {store}", "its keys are in clips.csv; what was left out in ledger.csv")


def _by_path(path: Path) -> FoundStudy:
    path = path.absolute()
    if not path.is_file():
        raise PreprocessError(f"no study at {path}", "check the path")
    if not (is_key(path.stem) and is_key(path.parent.name)):
        raise PreprocessError(f"{path} is no study of a store", "studies lie at STORE/<patient>/<study>.h5")
    return FoundStudy(path.parent.parent, path.parent.name, path.stem)


def _matching(store: Path, patient: str, study: str) -> list[FoundStudy]:
    if len(patient) == len(study) == 16:
        return [FoundStudy(store, patient, study)] if study_path(store, patient, study).is_file() else []
    paths = sorted(store.glob(f"{patient}*/{study}*{STUDY_SUFFIX}"))
    return [
        FoundStudy(store, path.parent.name, path.stem)
        for path in paths
        if is_key(path.parent.name) and is_key(path.stem)
    ]


def _list(found: list[FoundStudy]) -> str:
    names = [f"{study.patient}/{study.study}" for study in found[:_LISTED]]
    return ", ".join(names) + (f" and {len(found) - _LISTED} more" if len(found) > _LISTED else "")


def load_study(found: FoundStudy) -> Study:
    """Read a study with its pixels.

    Raises:
        DamagedFileError: it is damaged, holds no view, or claims to be too large.
        MachineError: the machine could not read it.
    """
    remedy = "look at it with cmr-preprocess verify, or convert the study again"
    with open_study(found.store, found.patient, found.study) as file:
        n_bytes = sum(int(data.nbytes) for data in views_in(file).values())
    if n_bytes > _MAX_BYTES:
        raise DamagedFileError(f"study {found.study} claims {n_bytes >> 30} GiB of pixels", remedy)
    study = read_study(found.store, found.patient, found.study)
    if not study.views:
        raise DamagedFileError(f"study {found.study} holds no view", remedy)
    return study


def ledger_rows(found: FoundStudy) -> list[Row]:
    """The rows of the store's ledger about a study, in their order; empty where there is no ledger.

    Raises:
        DamagedFileError: the ledger is damaged.
        MachineError: the machine could not read it.
    """
    if not has_ledger(found.store):
        return []
    return [row for row in read_ledger(found.store) if row.study == found.study]


def printable(text: str) -> str:
    """Text without what would move a terminal's cursor or change its colours; at most 80 characters."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)[:80]
