"""Reading and writing the tables around the store: reports, labels, splits and the sentence index.

Identifiers are text and stay text (leading zeros count). Every problem names the file and what to do about it,
never a value of a row.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from preprocess.errors import PreprocessError

__all__ = [
    "csv_text",
    "read_rows",
    "read_text",
]

_DELIMITERS = (",", ";", "\t")


def read_rows(path: Path, required: Sequence[str] = ()) -> list[dict[str, str]]:
    """The rows of a CSV file (`,`, `;` or tab) as text, nothing interpreted.

    Args:
        path: a UTF-8 file with a header line.
        required: columns that must be there.

    Raises:
        PreprocessError: no such file, not UTF-8, a column is missing, or a row does not fit the header.
    """
    text = read_text(path)
    header_line = text.split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=lambda sign: len(set(required) & set(_header(header_line, sign))))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        _check_header(path, header, required)
        return [_row(path, header, fields, reader.line_num) for fields in reader if fields]
    except csv.Error as error:
        raise PreprocessError(
            f"{path}, line {reader.line_num}: {error}",
            "put quotes around fields with commas, quotes or line breaks",
        ) from None


def read_text(path: Path) -> str:
    """A UTF-8 file.

    Raises:
        PreprocessError: no such file, not UTF-8, or not readable.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise PreprocessError(f"no file {path}", "check the path") from None
    except UnicodeDecodeError:
        raise PreprocessError(f"{path} is not UTF-8 text", "save it as CSV UTF-8") from None
    except OSError as error:
        raise PreprocessError(f"{path} is not readable: {error.strerror}", "name a file you may read") from None


def _header(line: str, delimiter: str) -> list[str]:
    return [name.strip().strip('"') for name in line.split(delimiter)]


def _check_header(path: Path, header: Sequence[str], required: Sequence[str]) -> None:
    missing = [name for name in required if name not in header]
    if missing:
        raise PreprocessError(
            f"{path} has no column {', '.join(missing)}", f"its columns are: {', '.join(header) or 'none'}"
        )
    doubled = sorted({name for name in header if header.count(name) > 1})
    if doubled:
        raise PreprocessError(f"{path} has column {', '.join(doubled)} more than once", "rename or remove one")


def _row(path: Path, header: Sequence[str], fields: Sequence[str], line: int) -> dict[str, str]:
    if len(fields) != len(header):
        raise PreprocessError(
            f"{path}, row ending at line {line}: {len(fields)} fields where the header has {len(header)}",
            "put quotes around fields with commas, quotes or line breaks",
        )
    return dict(zip(header, fields, strict=True))


def csv_text(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table as CSV, lines ended by a line feed on every system."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue()
