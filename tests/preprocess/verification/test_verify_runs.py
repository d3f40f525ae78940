"""Runs of `verify`: several processes, interrupts, the cache of fingerprints, arguments that cannot work."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from preprocess.errors import PreprocessError
from preprocess.verification import file_check
from preprocess.verification.store_check import Options, check_store
from tests.support.verified_stores import checked, path_of, run_verify, splits_file


def test_processes_find_what_one_process_finds(store: Path) -> None:
    path_of(store, 1).write_bytes(path_of(store, 1).read_bytes()[:5000])
    alone, shared = checked(store), checked(store, workers=2)
    assert sorted(map(repr, alone.problems)) == sorted(map(repr, shared.problems))
    ordered = [result.clips.sort_values(["study", "view", "slice"], ignore_index=True) for result in (alone, shared)]
    pd.testing.assert_frame_equal(*ordered)


def test_an_interrupt_keeps_the_fingerprints_and_the_next_run_uses_them(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = itertools.count()
    original = file_check.fingerprint

    def counted(*arguments: Any) -> Any:
        next(made)
        return original(*arguments)

    monkeypatch.setattr(file_check, "fingerprint", counted)

    def interrupt(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check_store(store, Options(), interrupt)
    assert next(made) == 10
    result = check_store(store, Options())
    assert next(made) == 16, "five of the third study; the counter itself was read twice"
    assert result.is_valid.all()
    again = check_store(store, Options())
    assert next(made) == 17
    np.testing.assert_array_equal(again.words, result.words)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not parquet at all"])
def test_a_damaged_cache_of_fingerprints_is_made_anew(store: Path, content: bytes) -> None:
    expected = check_store(store, Options()).words
    (store / "fingerprints.parquet").write_bytes(content)
    result = check_store(store, Options())
    np.testing.assert_array_equal(result.words, expected)
    assert not result.problems
    assert (store / "fingerprints.parquet").stat().st_size > 1000, "it was written again"


def test_a_store_that_cannot_be_written_to_is_checked_all_the_same(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> Iterator[Path]:
        raise PermissionError

    monkeypatch.setattr("preprocess.system.parquet.replacing", refuse)
    result = check_store(store, Options())
    assert not result.problems
    assert not result.is_cached


def test_no_duplicates_leaves_no_table_and_no_cache(store: Path) -> None:
    assert run_verify("--store", store, "--no-duplicates") == 0
    assert not (store / "duplicates.csv").exists()
    assert not (store / "fingerprints.parquet").exists()


def test_arguments_that_cannot_work_are_refused_before_anything_is_read(store: Path, tmp_path: Path) -> None:
    splits = splits_file(tmp_path / "splits.csv", store, {})
    for arguments in (
        ["--store", tmp_path / "none"],
        ["--store", store, "--other", tmp_path / "none"],
        ["--store", store, "--other", store / ".." / "store"],
        ["--store", store, "--splits", tmp_path / "none.csv"],
        ["--store", store, "--splits", splits, "--no-duplicates"],
    ):
        with pytest.raises(PreprocessError):
            run_verify(*arguments)
    assert not (store / "verification.csv").exists()
