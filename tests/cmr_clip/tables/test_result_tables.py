"""Predictions, attention and embeddings: what was written is read again, in pieces as a whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cmr_clip.errors import CmrClipError
from cmr_clip.tables.embeddings import embedding_pieces, embedding_table, read_embeddings, write_embeddings
from cmr_clip.tables.predictions import (
    AttentionWeight,
    Prediction,
    read_attention,
    read_predictions,
    write_attention,
    write_predictions,
)
from preprocess.errors import DamagedFileError, PreprocessError

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


def test_features_and_slices_must_be_numbers(tmp_path: Path) -> None:
    table = embedding_table(CLIPS, VECTORS)
    for changed, word in ((table.assign(e3="x"), "no embedding columns"), (table.assign(slice="x"), "slices")):
        changed.to_parquet(tmp_path / "wrong.parquet")
        with pytest.raises(CmrClipError, match=word):
            read_embeddings(tmp_path / "wrong.parquet")
