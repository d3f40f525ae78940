"""The ledger: what became of every source series, position and unreadable file, and why; hashes, no names.

Owner of `ledger.csv` and of the records it is made from: nobody else names their columns.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, astuple, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

from preprocess.errors import DamagedFileError, MachineError, PreprocessError
from preprocess.system.files import remove_stale, replacing, write_text, writing
from preprocess.system.tables import iter_rows

__all__ = [
    "LEDGER_COLUMNS",
    "LEDGER_FILE",
    "LEFT_OUT",
    "STORED",
    "Record",
    "Row",
    "grouped_reason",
    "has_ledger",
    "part_path",
    "read_index",
    "read_ledger",
    "read_records",
    "write_ledger",
    "write_record",
]

LEDGER_FILE = "ledger.csv"
_REMEDY = "make it again with cmr-preprocess convert"
STORED: Literal["stored"] = "stored"
LEFT_OUT: Literal["left_out"] = "left_out"


@dataclass(frozen=True)
class Row:
    """One line of `ledger.csv`.

    Attributes:
        source: hash of the archive or folder.
        patient: hash, empty where unknown.
        study: hash, empty where unknown.
        series: hash of the series UID; empty for files that could not be read.
        view: recognised view, also where the series was left out.
        confidence: 0–1.
        outcome: `stored` or `left_out`.
        position_mm: position along the normal, for a single slice that was left out.
        n_files: files (frames, for multi-frame files) that the row is about.
        n_frames: frames per slice.
        reason: why the view was given, or why it was left out.
    """

    source: str
    patient: str = ""
    study: str = ""
    series: str = ""
    view: str = ""
    confidence: float | None = None
    outcome: str = LEFT_OUT
    position_mm: float | None = None
    n_files: int = 0
    n_frames: int = 0
    reason: str = ""


LEDGER_COLUMNS = tuple(column.name for column in fields(Row))


@dataclass(frozen=True)
class Record:
    """What one source came to: kept beside the store, so that a later run can skip the source.

    Attributes:
        source: hash of the archive or folder.
        fingerprint: hash of its sizes and times of change, and of the options.
        parts: hashes of the sources that were merged into this one (a study spread over archives).
        studies: stored studies as (patient, study).
        sizes: bytes of their files.
        seen: studies met, also those of which nothing was stored.
        rows: its lines of the ledger.
        known: number of studies left out because the store has them from another source.
        crosswalk: real identifiers, only where the user asked for a crosswalk; never written to the store.
    """

    source: str
    fingerprint: str = ""
    parts: tuple[str, ...] = ()
    studies: tuple[tuple[str, str], ...] = ()
    sizes: tuple[int, ...] = ()
    seen: tuple[tuple[str, str], ...] = ()
    rows: tuple[Row, ...] = ()
    known: int = 0
    crosswalk: tuple[tuple[str, str, str], ...] = field(default=(), repr=False)


def grouped_reason(reason: str) -> str:
    """A reason with its numbers replaced by N, so that alike ones count together; `4CH` is no number."""
    return re.sub(r"\b\d+(?:[.,]\d+)?\b", "N", reason)


def part_path(store: Path, source: str) -> Path:
    """Where the record of a source lies."""
    if not re.fullmatch(r"[0-9a-f]{1,64}", source):
        raise PreprocessError(f"a record has the source {source[:20]!r}", "a source goes by its hash, see new_record")
    return store / ".ledger" / f"{source}.json"


def write_record(store: Path, record: Record) -> None:
    """Keep a record, without the crosswalk."""
    content = asdict(record)
    del content["crosswalk"]
    write_text(part_path(store, record.source), json.dumps(content))


def read_records(store: Path) -> Iterator[Record]:
    """The records of a store in the order of their sources; what is no record of this version is passed over."""
    for path in sorted((store / ".ledger").glob("*.json")):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError, RecursionError):  # removed since, or damaged
            continue
        if _is_record(content):
            yield Record(
                content["source"],
                content["fingerprint"],
                tuple(content["parts"]),
                tuple((patient, study) for patient, study in content["studies"]),
                tuple(content["sizes"]),
                tuple((patient, study) for patient, study in content["seen"]),
                tuple(Row(**row) for row in content["rows"]),
                content["known"],
            )


def read_index(store: Path) -> dict[str, Record]:
    """The records of a store by source, without their rows."""
    return {record.source: replace(record, rows=()) for record in read_records(store)}


def _is_record(content: Any) -> bool:
    """Whether a JSON value has the fields of a record, in the shapes of this version."""
    names = {field.name for field in fields(Record)} - {"crosswalk"}
    if not isinstance(content, dict) or not names <= set(content):
        return False
    if not all(isinstance(content[name], list) for name in ("parts", "studies", "sizes", "seen", "rows")):
        return False
    pairs = (*content["studies"], *content["seen"])
    return all(map(_is_row, content["rows"])) and all(isinstance(pair, list) and len(pair) == 2 for pair in pairs)


def _is_row(row: Any) -> bool:
    return isinstance(row, dict) and {"source"} <= set(row) <= set(LEDGER_COLUMNS)


def has_ledger(store: Path) -> bool:
    """Whether a store has a ledger of its own, and not a link to another."""
    path = store / LEDGER_FILE
    return path.is_file() and not path.is_symlink()


def write_ledger(store: Path, records: Iterable[Record]) -> Path:
    """Write `ledger.csv`, sorted so that the order of work leaves no trace.

    Args:
        store: the store.
        records: in the order of their sources, which is the table's first column; they are not kept in memory.
    """
    path = store / LEDGER_FILE
    remove_stale(path)
    with writing(path), replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(LEDGER_COLUMNS)
        for record in records:
            lines = [["" if value is None else value for value in astuple(row)] for row in record.rows]
            writer.writerows(sorted(lines, key=lambda line: [str(value) for value in line]))
    return path


def read_ledger(store: Path) -> Iterator[Row]:
    """The lines of `ledger.csv` one by one, so that memory does not grow with the ledger.

    Raises:
        DamagedFileError: it is there and is no ledger.
        MachineError: the machine could not read it.
        PreprocessError: the store has none.
    """
    path = store / LEDGER_FILE
    if not has_ledger(store):
        raise PreprocessError(f"no ledger at {path}", _REMEDY)
    try:
        for cells in iter_rows(path, LEDGER_COLUMNS):
            values: dict[str, Any] = {name: cells[name] for name in LEDGER_COLUMNS}
            for name in ("confidence", "position_mm"):
                values[name] = float(cells[name]) if cells[name] else None
            for name in ("n_files", "n_frames"):
                values[name] = int(cells[name])
            yield Row(**values)
    except MachineError:
        raise
    except (PreprocessError, ValueError) as error:  # ValueError: a cell that is no number
        raise DamagedFileError(f"{path} is no ledger ({type(error).__name__})", _REMEDY) from None
