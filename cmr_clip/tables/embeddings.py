"""Embeddings of clips: `embeddings.parquet`, a row per clip with its keys and the columns e0, e1 and so on.

Owner of the table: nobody else names its columns.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.types import is_numeric_dtype

from cmr_clip.errors import CmrClipError
from preprocess.system.parquet import parquet_pieces, read_parquet, write_parquet

__all__ = [
    "CLIP_KEYS",
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
CLIP_KEYS = ("study", "patient", "view", "slice")
_KINDS = {"study": str, "patient": str, "view": str, "slice": int}
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


def write_embeddings(table: pd.DataFrame, path: Path) -> None:
    """Write a table as Parquet, under a temporary name first."""
    write_parquet(path, table)


def read_embeddings(path: Path) -> tuple[pd.DataFrame, Vectors]:
    """Keys of the clips and their embeddings `[N, D]`, scaled to unit length.

    Raises:
        CmrClipError: no such file, a column is missing, no clips, or values that are not finite.
        DamagedFileError: damaged.
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
        rows: N, clips of a piece; the last has fewer.

    Yields:
        Keys of N clips and their embeddings `[N, D]`, scaled to unit length.
    """
    _require(path)
    for piece in parquet_pieces(path, None, rows, _REMEDY):
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
    if not is_numeric_dtype(table["slice"].dtype) or table["slice"].isna().any():
        raise CmrClipError(f"{path} names slices that are no numbers", _REMEDY)
    vectors = table[features].to_numpy(np.float32)
    if not np.isfinite(vectors).all():
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
