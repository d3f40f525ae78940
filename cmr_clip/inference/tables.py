"""Reading what a map is made of: embeddings, the store's clip manifest, labels and predictions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from cmr_clip.errors import CmrClipError

__all__ = ["Vectors", "mean_by", "read_embeddings", "read_labels", "read_predictions", "unit_length"]

Vectors = npt.NDArray[np.float32]
_CLIP_KEYS = ["study", "patient", "view", "slice"]
_FEATURE = re.compile(r"e(\d+)")


def unit_length(vectors: Vectors) -> Vectors:
    """Rows scaled to length 1; a zero row stays zero."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(length > 0, length, 1)).astype(np.float32)


def mean_by(vectors: Vectors, codes: npt.NDArray[np.intp], n: int) -> Vectors:
    """The normalised mean of the rows of each code from 0 to n − 1, `[n, D]`."""
    total = np.zeros((n, vectors.shape[1]), np.float32)
    np.add.at(total, codes, vectors)
    return unit_length(total)


def _require(path: Path, remedy: str) -> None:
    if not path.is_file():
        raise CmrClipError(f"no file at {path}", remedy)


def _read_parquet(path: Path, remedy: str) -> pd.DataFrame:
    _require(path, remedy)
    try:
        return pd.read_parquet(path)
    except (ValueError, OSError) as error:  # pyarrow's ArrowInvalid is a ValueError
        raise CmrClipError(f"{path} is not readable Parquet: {error}", remedy) from error


def _read_csv(path: Path, remedy: str) -> pd.DataFrame:
    _require(path, remedy)
    try:
        return pd.read_csv(path, dtype={"study": str, "patient": str})
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise CmrClipError(f"{path} is not a readable CSV table: {error}", remedy) from error


def _check_columns(frame: pd.DataFrame, names: Iterable[str], path: Path) -> None:
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise CmrClipError(f"{path} has no column {', '.join(missing)}", f"it has {', '.join(frame.columns[:12])}")


def read_embeddings(path: Path) -> tuple[pd.DataFrame, Vectors]:
    """Keys of the clips and their embeddings `[N, D]`, scaled to unit length."""
    frame = _read_parquet(path, "make it with cmr-clip embed")
    _check_columns(frame, _CLIP_KEYS, path)
    features = sorted((name for name in frame.columns if _FEATURE.fullmatch(name)), key=lambda name: int(name[1:]))
    if not features:
        raise CmrClipError(f"{path} has no embedding columns e0, e1, …", "make it with cmr-clip embed")
    if frame.empty:
        raise CmrClipError(f"{path} holds no clips", "was the store empty?")
    vectors = frame[features].to_numpy(np.float32)
    if not np.isfinite(vectors).all():
        raise CmrClipError(f"{path} holds values that are not finite", "the model diverged; embed with another one")
    keys = frame[_CLIP_KEYS].reset_index(drop=True).astype({"study": str, "patient": str, "view": str, "slice": int})
    return keys, unit_length(vectors)


def read_labels(paths: Iterable[Path]) -> pd.DataFrame:
    """Label tables joined by study; each has the column `study` and a column per target."""
    joined: pd.DataFrame = pd.DataFrame({"study": pd.Series(dtype=str)})
    for path in paths:
        frame = _read_csv(path, "labels are CSV tables with a column `study`")
        _check_columns(frame, ["study"], path)
        if frame["study"].duplicated().any():
            raise CmrClipError(f"{path} names a study twice", "a label table has one row per study")
        frame = frame.drop(columns=[name for name in ("patient",) if name in frame.columns])
        twice = sorted(set(frame.columns) & set(joined.columns) - {"study"})
        if twice:
            raise CmrClipError(f"{path} repeats the label {', '.join(twice)}", "give each label in one table")
        joined = joined.merge(frame, on="study", how="outer")
    return joined


def read_predictions(path: Path) -> pd.DataFrame:
    """Predictions as a column per target, `predicted <target>`; several models are told apart by name."""
    frame = _read_csv(path, "make it with cmr-clip predict")
    _check_columns(frame, ["study", "target", "score"], path)
    names = "predicted " + frame["target"].astype(str)
    if "model" in frame.columns and frame["model"].nunique() > 1:
        names = names + " (" + frame["model"].astype(str) + ")"
    wide = frame.assign(name=names).pivot_table(index="study", columns="name", values="score", aggfunc="last")
    predictions: pd.DataFrame = wide.reset_index().rename_axis(columns=None)
    return predictions
