"""Measure studies in parallel: rows go to disk as they come, and what was measured before is not measured again."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from preprocess.errors import MachineError, PreprocessError
from preprocess.qc.measures import PixelMeasures, TimeMeasures
from preprocess.qc.study_measures import MEASURES_VERSION, ClipMeasures, Measured, measure_study, unreadable
from preprocess.store.manifest import ClipColumn
from preprocess.system.files import remove_stale, replacing
from preprocess.system.pool import Done, work

__all__ = ["MEASURE_COLUMNS", "collect", "read_measures", "write_measures"]

_Progress = Callable[[int, int], None]  # (finished, total)

_PLACE = [field.name for field in fields(ClipMeasures) if field.name not in ("pixels", "times")]
_MEASURED = [field.name for kind in (PixelMeasures, TimeMeasures) for field in fields(kind)]
_TEXT = ("study", "patient", "study_sha256", "vendor", "view", "problem", "flags")
_WHOLE = ("version", "slice", "n_slices", "n_frames", "rows", "cols")
MEASURE_COLUMNS = ["version", *_PLACE, *_MEASURED, "flags"]


def collect(
    store: Path, keys: Sequence[tuple[str, str]], table: Path, *, workers: int = 0, progress: _Progress | None = None
) -> pd.DataFrame:
    """Measure studies of a store: a row per clip, sorted by study, view and slice.

    Studies in `table`, or in what an interrupted run left beside it, are not measured again unless their pixels
    changed. A study that cannot be read is one row with its problem.

    Args:
        store: the store.
        keys: (patient, study) of the studies to measure.
        table: where an earlier run wrote its measures and this one will (`write_measures`).
        workers: processes; 0 to measure in this one.
        progress: called with the number of finished studies and of all.

    Raises:
        PreprocessError: `table` is some other file, or nothing can be written beside it.
    """
    part = _part(table)
    # What an earlier run measured: the newest rows of each study, and the hash of its pixels.
    rows = pd.concat([read_measures(table), read_measures(part)], ignore_index=True)
    hashes: dict[str, str] = dict(zip(rows[ClipColumn.STUDY], rows["study_sha256"], strict=True))
    newest = rows[rows["study_sha256"] == rows[ClipColumn.STUDY].map(hashes)]
    known = newest.drop_duplicates([ClipColumn.STUDY, ClipColumn.VIEW, ClipColumn.SLICE], keep="last")
    todo = [(patient, study, hashes.get(study, "")) for patient, study in keys]
    fresh: set[str] = set()
    try:
        # The file of new rows begins with all that is known: a killed run loses neither.
        part.parent.mkdir(parents=True, exist_ok=True)
        _write(part, known)
        with part.open("a", encoding="utf-8", newline="") as out:
            writer = csv.writer(out, lineterminator="\n")
            for finished, measured in enumerate(_measured(store, todo, workers), start=1):
                writer.writerows(map(_cells, measured.clips))
                out.flush()
                fresh.update(clip.study for clip in measured.clips)
                if progress:
                    progress(finished, len(todo))
    except OSError as error:
        raise PreprocessError(f"cannot write beside {table}: {error.strerror}", "choose another --out") from None
    new = read_measures(part).iloc[len(known) :]
    both = pd.concat([known[~known[ClipColumn.STUDY].isin(fresh)], new], ignore_index=True)
    wanted = both[both[ClipColumn.STUDY].isin({study for _, study in keys})]
    ordered: pd.DataFrame = wanted.sort_values([ClipColumn.STUDY, ClipColumn.VIEW, ClipColumn.SLICE], ignore_index=True)
    return ordered


def _part(table: Path) -> Path:
    return table.with_name(f".{table.name}.part")


def _measured(store: Path, todo: Sequence[tuple[str, str, str]], workers: int) -> Iterator[Measured]:
    for answer in work(partial(_measure, store), todo, workers):
        if isinstance(answer, Done):
            yield answer.result
            continue
        match answer.error:
            case None:
                kind = "doing so killed the process"
            case MachineError():
                kind = "this machine could not"
            case PreprocessError():
                kind = "damaged, or of another version"
            case error:  # its text may quote what a damaged file holds; its type cannot
                kind = type(error).__name__
        yield unreadable(answer.task[0], answer.task[1], f"cannot be read ({kind})")


def _measure(store: Path, keys: tuple[str, str, str]) -> Measured:
    return measure_study(store, *keys)


def _cells(clip: ClipMeasures) -> list[object]:
    place = [getattr(clip, name) for name in _PLACE]
    measured = [*vars(clip.pixels).values(), *vars(clip.times).values()]
    cells = [MEASURES_VERSION, *place, *measured, ""]
    return [("" if math.isnan(value) else f"{value:.6g}") if isinstance(value, float) else value for value in cells]


def read_measures(path: Path) -> pd.DataFrame:
    """A table of measures, without a last line that was not finished; empty where there is none.

    Raises:
        PreprocessError: the file is there and holds something else.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        content = b""
    except OSError as error:
        raise PreprocessError(f"{path} is not readable: {error.strerror}", "choose another --out") from None
    content = content[: content.rfind(b"\n") + 1] or ",".join(MEASURE_COLUMNS).encode()
    kinds: dict[str, Any] = {name: "str" if name in _TEXT else "float32" for name in MEASURE_COLUMNS}
    blank = {name: [""] for name in MEASURE_COLUMNS if name not in _TEXT}
    try:
        table = pd.read_csv(io.BytesIO(content), dtype=kinds, keep_default_na=False, na_values=blank)
    except (ValueError, pd.errors.ParserError, UnicodeDecodeError):
        table = pd.DataFrame()
    if list(table.columns) != MEASURE_COLUMNS:
        raise PreprocessError(f"{path} is no table of measures of this version", "move it away or choose another --out")
    valid: pd.DataFrame = table[table["version"] == MEASURES_VERSION]
    typed: pd.DataFrame = valid.astype(dict.fromkeys(_WHOLE, "int64"))
    return typed


def write_measures(path: Path, measures: pd.DataFrame) -> None:
    """Write the table of measures; what an interrupted run left beside it is removed.

    Raises:
        PreprocessError: it cannot be written.
    """
    try:
        _write(path, measures)
        _part(path).unlink(missing_ok=True)
    except OSError as error:
        raise PreprocessError(f"cannot write {path}: {error.strerror}", "choose another --out") from None


def _write(path: Path, measures: pd.DataFrame) -> None:
    remove_stale(path)
    with replacing(path) as temporary:
        measures.to_csv(temporary, index=False, lineterminator="\n", float_format="%.6g")
