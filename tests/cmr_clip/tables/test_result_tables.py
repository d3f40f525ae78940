"""Predictions, attention and embeddings: what was written is read again, in pieces as a whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cmr_clip.errors import CmrClipError
from cmr_clip.explore.annotations import predicted_columns
from cmr_clip.tables.embeddings import embedding_pieces, embedding_table, read_embeddings, write_embeddings
from cmr_clip.tables.predictions import (
    AttentionWeight,
    Prediction,
    read_attention,
    read_predictions,
    write_attention,
    write_predictions,
)
from preprocess.errors import DamagedFileError, MendableError, PreprocessError
from tests.support.memory import measured_memory

CLIPS = [(f"{i // 3:016x}", "0" * 16, "SAX", i % 3) for i in range(30)]
VECTORS = np.random.default_rng(0).normal(size=(30, 12)).astype(np.float32)


def test_predictions_are_read_as_they_were_written(tmp_path: Path) -> None:
    rows = [
        Prediction("a", "p", "lvef_percent", 61.3, 1 / 3, "one"),
        Prediction("a", "p", "with, comma", None, 0.25, "one"),
        Prediction("b", "", "lvef_percent", 12.0, -7e-12, "two"),
    ]
    write_predictions(tmp_path / "predictions.csv", rows)
    found = list(read_predictions(tmp_path / "predictions.csv"))
    assert repr(found) == repr([rows[0], Prediction("a", "p", "with, comma", float("nan"), 0.25, "one"), rows[2]])
    write_predictions(tmp_path / "again.csv", pd.read_csv(tmp_path / "predictions.csv", float_precision="round_trip"))
    assert (tmp_path / "again.csv").read_text() == (tmp_path / "predictions.csv").read_text()


def test_attention_is_read_as_it_was_written(tmp_path: Path) -> None:
    rows = [AttentionWeight("a", "lvef", "SAX", 3, 0.1), AttentionWeight("a", "lvef", "4CH", 0, 0.9)]
    write_attention(tmp_path / "attention.csv", rows)
    assert list(read_attention(tmp_path / "attention.csv")) == rows


def test_tables_without_rows_keep_their_columns(tmp_path: Path) -> None:
    write_predictions(tmp_path / "p.csv", [])
    write_attention(tmp_path / "a.csv", [])
    assert not list(read_predictions(tmp_path / "p.csv"))
    assert not list(read_attention(tmp_path / "a.csv"))


def test_predictions_that_are_none_are_refused(tmp_path: Path) -> None:
    (tmp_path / "words.csv").write_text("study,target,score\na,lvef,high\n")
    (tmp_path / "short.csv").write_text("study,score\na,1\n")
    with pytest.raises(DamagedFileError, match="no number"):
        list(read_predictions(tmp_path / "words.csv"))
    with pytest.raises(PreprocessError, match="no column target"):
        list(read_predictions(tmp_path / "short.csv"))


@pytest.mark.parametrize("piece", [1, 7, 100])
def test_embeddings_in_pieces_are_the_whole(tmp_path: Path, piece: int) -> None:
    path = tmp_path / "embeddings.parquet"
    write_embeddings(embedding_table(CLIPS, VECTORS), path)
    keys, vectors = read_embeddings(path)
    assert list(keys.itertuples(index=False, name=None)) == CLIPS
    np.testing.assert_allclose(vectors, VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True), rtol=1e-6)
    pieces = list(embedding_pieces(path, piece))
    assert all(len(part) <= piece for part, _ in pieces)
    pd.testing.assert_frame_equal(pd.concat([part for part, _ in pieces], ignore_index=True), keys)
    np.testing.assert_allclose(np.concatenate([part for _, part in pieces]), vectors, atol=3e-7)


def test_features_keep_the_order_of_their_numbers(tmp_path: Path) -> None:
    table = embedding_table(CLIPS, VECTORS)
    table[sorted(table.columns)].to_parquet(tmp_path / "shuffled.parquet")
    write_embeddings(table, tmp_path / "embeddings.parquet")
    np.testing.assert_array_equal(
        read_embeddings(tmp_path / "shuffled.parquet")[1], read_embeddings(tmp_path / "embeddings.parquet")[1]
    )


CHANGES: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "no embedding columns": lambda table: table.assign(e3="x"),
    "first is e2": lambda table: table.drop(columns="e1"),
    "first is e01|first is e1": lambda table: table.assign(e01=table["e1"]),
    "slices that are no index in 30 of 30": lambda table: table.assign(slice="x"),
    "slices that are no index in 1 of 30": lambda table: table.assign(slice=[np.inf, *[1.0 * c[3] for c in CLIPS[1:]]]),
    "slices that are no index in 20 of 30": lambda table: table.assign(
        slice=[c[3] - 0.5 if c[3] else 0 for c in CLIPS]
    ),
    "slices that are no index in 10 of 30": lambda table: table.assign(slice=table["slice"] - 1),
    "clips again in 30 of 60": lambda table: pd.concat([table, table]),
    "unknown views in 30 of 30": lambda table: table.assign(view="/SAX/../4CH"),
    "1 keys are not": lambda table: table.assign(study="../etc"),
    "not finite": lambda table: table.assign(e0=1e38, e1=-1e38),
}


@pytest.mark.parametrize("problem", CHANGES)
def test_a_table_that_names_no_clips_is_refused(problem: str, tmp_path: Path) -> None:
    CHANGES[problem](embedding_table(CLIPS, VECTORS)).to_parquet(tmp_path / "wrong.parquet")
    for read in (read_embeddings, lambda path: list(embedding_pieces(path))):
        with pytest.raises(MendableError, match=problem) as raised:
            read(tmp_path / "wrong.parquet")
        assert "wrong.parquet" in str(raised.value)


@pytest.mark.parametrize(
    "cells", ["SAX,nan,1", "SAX,inf,1", "SAX,1.7,1", "SAX,-1,1", "SAX,1,nan", "SAX,1,inf", "SAX,1,-2"]
)
def test_attention_to_no_clip_is_refused(cells: str, tmp_path: Path) -> None:
    (tmp_path / "attention.csv").write_text(f"study,target,view,slice,weight\na,lvef,{cells}\n")
    with pytest.raises(DamagedFileError, match=r"attention\.csv (names a slice|holds a)"):
        list(read_attention(tmp_path / "attention.csv"))


def test_a_study_is_predicted_once(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("study,target,score\na,lvef,1\na,lvef,\n")
    with pytest.raises(CmrClipError, match=r"p\.csv predicts 'lvef' twice"):
        predicted_columns(tmp_path / "p.csv")


def written_in_parts(path: Path, parts: int, rows: int, width: int) -> None:
    rng = np.random.default_rng(0)

    def part(number: int) -> pd.DataFrame:
        clips = [(f"{number:016x}", "0" * 16, "SAX", index) for index in range(rows)]
        return embedding_table(clips, rng.normal(size=(rows, width)).astype(np.float32))

    write_embeddings((part(number) for number in range(parts)), path)


def test_memory_does_not_grow_with_the_table(tmp_path: Path) -> None:
    """Written in parts and read in pieces."""
    path, rows, width, parts = tmp_path / "e.parquet", 2_000, 128, 16
    size = parts * rows * width * 4

    def peak(work: Callable[[], object]) -> int:
        usual = pa.default_memory_pool()
        pa.set_memory_pool(pool := pa.proxy_memory_pool(usual))
        try:
            with measured_memory() as memory:
                work()
                return memory() + int(pool.max_memory())
        finally:
            pa.set_memory_pool(usual)

    assert peak(lambda: written_in_parts(path, parts, rows, width)) < size * 0.6
    groups = pq.ParquetFile(path).metadata
    assert groups.num_rows == parts * rows
    assert max(groups.row_group(index).num_rows for index in range(groups.num_row_groups)) <= rows
    assert peak(lambda: [None for _ in embedding_pieces(path, 1_000)]) < size * 0.6
    assert peak(lambda: read_embeddings(path)) > size


def test_nothing_to_write_is_said(tmp_path: Path) -> None:
    with pytest.raises(CmrClipError, match="no clips to write"):
        write_embeddings(iter(()), tmp_path / "e.parquet")
