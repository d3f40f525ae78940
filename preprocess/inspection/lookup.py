"""One study of a store: how to find it by what a person types, and what is known of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from preprocess.errors import PreprocessError
from preprocess.privacy.keys import is_key
from preprocess.store.study import CineStack, Study
from preprocess.store.study_file import open_study, read_study, study_path

__all__ = ["FoundStudy", "find_study", "ledger_rows", "load_study", "printable"]

_PREFIX = re.compile(r"(?:([0-9a-f]{1,16})/)?([0-9a-f]{1,16})")
_LISTED = 10
_MAX_BYTES = 8 << 30  # of pixels; more is a damaged file or a trap
_PIECE = 100_000  # rows of the ledger


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
    if text.endswith(".h5"):
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
    paths = sorted(store.glob(f"{patient}*/{study}*.h5"))
    return [
        FoundStudy(store, path.parent.name, path.stem) for path in paths if is_key(path.parent.name) and is_key(path.stem)
    ]


def _list(found: list[FoundStudy]) -> str:
    names = [f"{study.patient}/{study.study}" for study in found[:_LISTED]]
    return ", ".join(names) + (f" and {len(found) - _LISTED} more" if len(found) > _LISTED else "")


def load_study(found: FoundStudy) -> Study:
    """Read a study with its pixels.

    Raises:
        PreprocessError: it is damaged, or holds no view.
    """
    remedy = "look at it with cmr-preprocess verify, or convert the study again"
    try:
        with open_study(found.store, found.patient, found.study) as file:
            n_bytes = sum(int(file[name].nbytes) for name in file)
        if n_bytes > _MAX_BYTES:
            raise PreprocessError(f"study {found.study} claims {n_bytes >> 30} GiB of pixels", remedy)
        study = read_study(found.store, found.patient, found.study)
        fits = all(_is_consistent(stack) for stack in study.views.values())
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError, IndexError, MemoryError) as error:
        raise PreprocessError(f"study {found.study} cannot be read ({type(error).__name__})", remedy) from None
    if not study.views or not fits:
        raise PreprocessError(f"study {found.study} is damaged", remedy)
    return study


def _is_consistent(stack: CineStack) -> bool:
    n_slices, n_frames = stack.pixels.shape[:2]
    counts = stack.n_frames
    shapes = (counts.shape, stack.trigger_time.shape, stack.image_position.shape, stack.image_orientation.shape)
    if n_slices == 0 or shapes != ((n_slices,), (n_slices, n_frames), (n_slices, 3), (6,)):
        return False
    return bool(counts.min() > 0 and counts.max() <= n_frames)


def ledger_rows(found: FoundStudy) -> pd.DataFrame:
    """The rows of the store's ledger about a study, as text; empty where there is no ledger.

    Raises:
        PreprocessError: the ledger is damaged.
    """
    path = found.store / "ledger.csv"
    columns = ["study", "view", "confidence", "outcome", "position_mm", "n_files", "n_frames", "reason"]
    kept: list[pd.DataFrame] = [pd.DataFrame(columns=columns, dtype=str)]
    try:
        with pd.read_csv(path, dtype=str, keep_default_na=False, usecols=columns, chunksize=_PIECE) as reader:
            kept += [rows[rows["study"] == found.study] for rows in reader]
    except FileNotFoundStudyError:
        return kept[0]
    except (ValueError, pd.errors.ParserError, OSError) as error:
        raise PreprocessError(f"{path} is no ledger ({type(error).__name__})", "convert again") from None
    table: pd.DataFrame = pd.concat(kept, ignore_index=True).reindex(columns=columns)
    return table


def printable(text: str) -> str:
    """Text without what would move a terminal's cursor or change its colours; at most 80 characters."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)[:80]
