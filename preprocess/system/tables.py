"""Reading and writing the tables around the store: reports, labels, splits and the sentence index.

Identifiers are text and stay text (leading zeros count). Every problem names the file and what to do about it,
never a value of a row.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

from preprocess.errors import DamagedFileError, MachineError, PreprocessError

__all__ = [
    "csv_text",
    "iter_rows",
    "read_rows",
    "read_text",
]

_DELIMITERS = (",", ";", "\t")
_QUOTES = "put quotes around fields with commas, quotes or line breaks"


def read_rows(path: Path, required: Sequence[str] = ()) -> list[dict[str, str]]:
    """The rows of a CSV file (`,`, `;` or tab) as text, nothing interpreted.

    Args:
        path: a UTF-8 file with a header line.
        required: columns that must be there.

    Raises:
        PreprocessError: no such file, or a column is missing.
        DamagedFileError: not UTF-8, or a row does not fit the header.
        MachineError: the machine could not read it.
    """
    return list(iter_rows(path, required))


def iter_rows(path: Path, required: Sequence[str] = ()) -> Iterator[dict[str, str]]:
    """The rows of `read_rows` one by one, so that memory does not grow with the file.

    Args:
        path: a UTF-8 file with a header line.
        required: columns that must be there.

    Raises:
        PreprocessError: as `read_rows`, at the row that is wrong.
    """
    with _reading(path), path.open(encoding="utf-8-sig") as file:
        first = file.readline()
        names = {sign: {name.strip().strip('"') for name in first.split(sign)} for sign in _DELIMITERS}
        delimiter = max(_DELIMITERS, key=lambda sign: len(names[sign].intersection(required)))
        reader = csv.reader(chain([first], file), delimiter=delimiter, strict=True)
        try:
            header = [name.strip() for name in next(reader, [])]
            _check_header(path, header, required)
            for fields in reader:
                if not fields:
                    continue
                if len(fields) != len(header):
                    problem = f"{len(fields)} fields where the header has {len(header)}"
                    raise DamagedFileError(f"{path}, row ending at line {reader.line_num}: {problem}", _QUOTES)
                yield dict(zip(header, fields, strict=True))
        except csv.Error as error:
            raise DamagedFileError(f"{path}, line {reader.line_num}: {error}", _QUOTES) from None


def read_text(path: Path) -> str:
    """A UTF-8 file.

    Raises:
        PreprocessError: no such file.
        DamagedFileError: not UTF-8.
        MachineError: the machine could not read it.
    """
    with _reading(path):
        return path.read_text(encoding="utf-8-sig")


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise PreprocessError(f"no file {path}", "check the path") from None
    except UnicodeDecodeError:
        raise DamagedFileError(f"{path} is not UTF-8 text", "save it as CSV UTF-8") from None
    except OSError as error:
        raise MachineError(f"{path} is not readable: {error.strerror}", "name a file you may read") from None


def _check_header(path: Path, header: Sequence[str], required: Sequence[str]) -> None:
    missing = [name for name in required if name not in header]
    if missing:
        # Without any column that we know, the first line may be a row of somebody.
        known = set(header).intersection(required)
        shown = (
            f"its columns are: {', '.join(header)}" if known else f"its first line names {len(header)} other columns"
        )
        raise PreprocessError(f"{path} has no column {', '.join(missing)}", shown)
    doubled = sorted({name for name in header if header.count(name) > 1})
    if doubled:
        raise PreprocessError(f"{path} has column {', '.join(doubled)} more than once", "rename or remove one")


def csv_text(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table as CSV, lines ended by a line feed on every system."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue()
