"""Reading and writing the tables around the store: reports, labels, splits and the sentence index.

Identifiers are text and stay text (leading zeros count). Every problem names the file and what to do about it,
never a value of a row.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from preprocess.errors import PreprocessError

__all__ = [
    "SPLITS",
    "SentenceIndex",
    "csv_text",
    "read_labels",
    "read_rows",
    "read_sentences",
    "read_splits",
]

SPLITS = ("train", "val", "test")
_KEY = re.compile(r"[0-9a-f]{16}")
_DELIMITERS = (",", ";", "\t")
_INDEX_FIELDS = {"tokenizer": str, "tokenizer_sha256": str, "cls_id": int, "sep_id": int, "splitter": str}


@dataclass(frozen=True)
class SentenceIndex:
    """The sentences of each study's report as token ids, without `[CLS]` and `[SEP]`, in report order.

    Attributes:
        tokenizer: where the tokenizer came from, as given on the command line.
        tokenizer_sha256: hash of its vocabulary (`preprocess.tokenizer.vocabulary_sha256`).
        cls_id: id of `[CLS]`, which training puts before the sentences.
        sep_id: id of `[SEP]`, which training puts after them.
        splitter: what found the sentences: `rules-1` or `stanza-<version>`.
        studies: study key to its sentences; only studies with at least one.
    """

    tokenizer: str
    tokenizer_sha256: str
    cls_id: int
    sep_id: int
    splitter: str
    studies: dict[str, list[list[int]]]


def read_rows(path: Path, required: Sequence[str] = ()) -> list[dict[str, str]]:
    """The rows of a CSV file (`,`, `;` or tab) as text, nothing interpreted.

    Args:
        path: a UTF-8 file with a header line.
        required: columns that must be there.

    Raises:
        PreprocessError: no such file, not UTF-8, a column is missing, or a row does not fit the header.
    """
    text = _read_text(path)
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


def _read_text(path: Path) -> str:
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


def _check_keys(path: Path, keys: Iterable[str]) -> None:
    wrong = sum(1 for key in keys if not _KEY.fullmatch(key))
    if wrong:
        raise PreprocessError(
            f"{path}: {wrong} keys are not 16 hex digits",
            "make the file with cmr-preprocess, not from real numbers",
        )


def read_labels(path: Path) -> pd.DataFrame:
    """A label file as a table indexed by study: numbers as float64, other columns as text; empty is missing.

    Raises:
        PreprocessError: no `study` column, no target, keys that are not hashes, or a study twice.
    """
    rows = read_rows(path, ["study"])
    frame: pd.DataFrame = pd.DataFrame(rows, columns=_columns(path, rows), dtype=object).set_index("study")
    _check_keys(path, frame.index)
    if not frame.index.is_unique:
        raise PreprocessError(f"{path} lists a study more than once", "keep one row for each study")
    for name in frame.columns:
        frame[name] = _typed(frame[name])
    return frame


def _columns(path: Path, rows: Sequence[dict[str, str]]) -> list[str]:
    if not rows:
        raise PreprocessError(f"{path} has no rows", "make it again with cmr-preprocess labels")
    columns = list(rows[0])
    if len(columns) == 1:
        raise PreprocessError(f"{path} has no target column", "it needs study and at least one target")
    return columns


def _typed(column: pd.Series[Any]) -> pd.Series[Any]:
    text = column.str.strip().replace("", None)
    numbers = pd.to_numeric(text, errors="coerce").astype("float64")
    return numbers if bool((numbers.isna() == text.isna()).all()) else text


def read_splits(path: Path) -> pd.DataFrame:
    """A split file with the columns patient, study, split (train, val or test).

    Raises:
        PreprocessError: unknown split, study listed twice, or a patient in more than one split.
    """
    rows = read_rows(path, ["patient", "study", "split"])
    frame: pd.DataFrame = pd.DataFrame(rows, columns=["patient", "study", "split"], dtype=str)
    _check_keys(path, [*frame["patient"], *frame["study"]])
    unknown = sorted(set(frame["split"]) - set(SPLITS))
    if unknown:
        raise PreprocessError(f"{path}: unknown split {', '.join(map(repr, unknown))}", "use train, val and test")
    if frame["study"].duplicated().any():
        raise PreprocessError(f"{path} lists a study more than once", "keep one row for each study")
    shared = int((frame.groupby("patient")["split"].nunique() > 1).sum())
    if shared:
        raise PreprocessError(f"{path}: {shared} patients are in more than one split", "make it again")
    return frame


def read_sentences(path: Path) -> SentenceIndex:
    """Read and check a sentence index.

    Raises:
        PreprocessError: not JSON, a field is missing, or sentences that are not lists of token ids.
    """
    remedy = "make it again with cmr-preprocess reports"
    try:
        content = json.loads(_read_text(path))
    except json.JSONDecodeError as error:
        raise PreprocessError(f"{path} is not JSON (line {error.lineno})", remedy) from None
    content = content if isinstance(content, dict) else {}
    fields: dict[str, Any] = {name: content.get(name) for name in _INDEX_FIELDS}
    missing = [name for name, kind in _INDEX_FIELDS.items() if type(fields[name]) is not kind]
    if missing or not isinstance(content.get("studies"), dict):
        raise PreprocessError(f"{path} has no {', '.join(missing) or 'studies'}", remedy)
    _check_keys(path, content["studies"])
    studies = {study: _sentences(path, entry) for study, entry in content["studies"].items()}
    return SentenceIndex(**fields, studies=studies)


def _sentences(path: Path, entry: object) -> list[list[int]]:
    sentences = entry.get("sentences") if isinstance(entry, dict) else None
    if not (isinstance(sentences, list) and sentences and all(_is_sentence(item) for item in sentences)):
        raise PreprocessError(
            f"{path}: a study's sentences are not lists of token ids", "make it again with cmr-preprocess reports"
        )
    return sentences


def _is_sentence(item: object) -> bool:
    return isinstance(item, list) and bool(item) and all(type(token) is int and token >= 0 for token in item)
