"""Embeddings of clips: `embeddings.parquet`, a row per clip with its keys and the columns e0, e1 and so on.

Owner of the table: nobody else names its columns.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pandas.api.types import is_numeric_dtype

from cmr_clip.errors import CmrClipError
from preprocess.store.clip_rows import CLIP_KEYS, check_clip_rows
from preprocess.store.manifest import ClipColumn
from preprocess.system.files import remove_stale, replacing, writing
from preprocess.system.parquet import parquet_pieces, read_parquet

__all__ = [
    "ClipName",
    "Vectors",
    "embedding_pieces",
    "embedding_table",
    "mean_by",
    "read_embeddings",
    "unit_length",
    "write_embeddings",
]

Vectors: TypeAlias = npt.NDArray[np.float32]  # [N, D]
ClipName: TypeAlias = tuple[str, str, str, int]  # study, patient, view, slice
_KINDS = {ClipColumn.STUDY: str, ClipColumn.PATIENT: str, ClipColumn.VIEW: str, ClipColumn.SLICE: int}
_GROUP = 10_000  # rows written at a time: what a reader of pieces holds in memory at least
_FEATURE = re.compile(r"e(\d+)")
_REMEDY = "make it with cmr-clip embed"


def embedding_table(clips: Sequence[ClipName], vectors: Vectors) -> pd.DataFrame:
    """The table of clips and their embeddings.

    Args:
        clips: what each row is of.
        vectors: `[N, D]`, as they come from the encoder.
    """
    keys = pd.DataFrame(clips, columns=list(CLIP_KEYS))
    features = pd.DataFrame(vectors, columns=[f"e{index}" for index in range(vectors.shape[1])])
    table: pd.DataFrame = keys.join(features)
    return table


def write_embeddings(tables: pd.DataFrame | Iterable[pd.DataFrame], path: Path) -> None:
    """Write a table as Parquet, under a temporary name first.

    Args:
        tables: the table, or its parts one after the other, so that memory does not grow with it.
        path: the file.

    Raises:
        CmrClipError: no part at all.
        MachineError: the file cannot be written.
    """
    parts = iter([tables] if isinstance(tables, pd.DataFrame) else tables)
    first = next(parts, None)
    if first is None:
        raise CmrClipError(f"there are no clips to write to {path}", "was the store empty?")
    whole = pa.Table.from_pandas(first, preserve_index=False)
    remove_stale(path)
    with writing(path), replacing(path) as temporary, pq.ParquetWriter(temporary, whole.schema) as writer:
        writer.write_table(whole, row_group_size=_GROUP)
        for part in parts:
            writer.write_table(pa.Table.from_pandas(part, whole.schema, preserve_index=False), row_group_size=_GROUP)


def read_embeddings(path: Path) -> tuple[pd.DataFrame, Vectors]:
    """Keys of the clips and their embeddings `[N, D]`, scaled to unit length.

    Raises:
        CmrClipError: no such file, a column is missing, no clips, or values that are not finite.
        DamagedFileError: damaged, or rows that name no clip, or one twice.
        MachineError: the machine could not read it.
    """
    _require(path)
    keys, vectors = _split(path, read_parquet(path, _REMEDY))
    if keys.empty:
        raise CmrClipError(f"{path} holds no clips", "was the store empty?")
    return keys, vectors


def embedding_pieces(path: Path, rows: int = 50_000) -> Iterator[tuple[pd.DataFrame, Vectors]]:
    """As `read_embeddings`, in pieces of so many clips, so that memory does not grow with the table.

    Args:
        path: the table.
        rows: N, clips of a piece at most.

    Yields:
        Keys of N clips and their embeddings `[N, D]`, scaled to unit length.

    Raises:
        PreprocessError: as `read_embeddings`, at the piece that is wrong; a clip twice only within a piece.
    """
    _require(path)
    for piece in parquet_pieces(path, rows, _REMEDY):
        yield _split(path, piece)


def _require(path: Path) -> None:
    if not path.is_file():
        raise CmrClipError(f"no file at {path}", _REMEDY)


def _split(path: Path, table: pd.DataFrame) -> tuple[pd.DataFrame, Vectors]:
    missing = [name for name in CLIP_KEYS if name not in table.columns]
    if missing:
        raise CmrClipError(f"{path} has no column {', '.join(missing)}", f"it has {', '.join(table.columns[:12])}")
    features = sorted((name for name in table.columns if _FEATURE.fullmatch(name)), key=lambda name: int(name[1:]))
    if not features or not all(is_numeric_dtype(table[name].dtype) for name in features):
        raise CmrClipError(f"{path} has no embedding columns e0, e1, …", _REMEDY)
    if features != [f"e{index}" for index in range(len(features))]:
        odd = [name for index, name in enumerate(features) if name != f"e{index}"]
        raise CmrClipError(f"{path} has embedding columns that do not count from e0 on, the first is {odd[0]}", _REMEDY)
    check_clip_rows(path, table, _REMEDY)
    vectors = table[features].to_numpy(np.float32)
    with np.errstate(over="ignore"):
        lengths = np.linalg.norm(vectors, axis=1)
    if not np.isfinite(lengths).all():
        raise CmrClipError(f"{path} holds values that are not finite", "the model diverged; embed with another one")
    return table[list(CLIP_KEYS)].reset_index(drop=True).astype(_KINDS), unit_length(vectors)


def unit_length(vectors: Vectors) -> Vectors:
    """Rows `[N, D]` scaled to length 1; a zero row stays zero."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(length > 0, length, 1)).astype(np.float32)


def mean_by(vectors: Vectors, codes: npt.NDArray[np.intp], n: int) -> Vectors:
    """The normalised mean of the rows `[N, D]` of each code from 0 to n − 1, `[n, D]`."""
    total = np.zeros((n, vectors.shape[1]), np.float32)
    np.add.at(total, codes, vectors)
    return unit_length(total)
