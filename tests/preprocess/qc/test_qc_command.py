"""The command: damaged files, wrong use, and samples."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from preprocess.qc.collect import read_measures
from preprocess.store.study_file import study_path
from tests.support.synthetic import key, write_store


def test_damaged_files_are_rows_with_a_problem(tmp_path: Path, qc: Callable[..., int]) -> None:
    store = write_store(tmp_path / "store", 3)
    path = study_path(store, key(0xA0000), key(0xB0000))
    path.write_bytes(path.read_bytes()[:3000])
    (path.parent / f"{key(1)}.h5").write_bytes(b"no HDF5 at all")
    assert qc("--store", store, "--out", tmp_path / "qc.html") == 0
    table = read_measures(tmp_path / "qc.csv")
    assert set(table.loc[table["problem"] != "", "study"]) == {key(0xB0000), key(1)}
    page = (tmp_path / "qc.html").read_text()
    assert "Studies that cannot be read: 2" in page
    assert str(tmp_path) not in page


def test_another_file_is_not_overwritten_with_measures(tmp_path: Path, qc: Callable[..., int]) -> None:
    store = write_store(tmp_path / "store", 1)
    (tmp_path / "qc.csv").write_text("my,own\n1,2\n")
    assert qc("--store", store, "--out", tmp_path / "qc.html") == 1
    assert (tmp_path / "qc.csv").read_text() == "my,own\n1,2\n"


@pytest.mark.parametrize("problem", ["no store", "empty store", "no page name", "no manifest", "bad sample"])
def test_wrong_use_is_one_clear_error(
    problem: str, tmp_path: Path, qc: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    store = write_store(tmp_path / "store", 1)
    options: list[object] = ["--store", store, "--out", tmp_path / "qc.html"]
    match problem:
        case "no store":
            options[1] = tmp_path / "other"
        case "empty store":
            options[1] = tmp_path / "empty"
            (tmp_path / "empty").mkdir()
        case "no page name":
            options[3] = tmp_path
        case "no manifest":
            (store / "clips.parquet").unlink()
        case _:
            options += ["--sample", "0"]
    assert qc(*options) == 1
    error = capsys.readouterr().err
    assert error.startswith("cmr-preprocess: error: ") and error.count("\n") == 1
    assert not (tmp_path / "qc.html").exists()


def test_a_sample_is_random_repeatable_and_said(planted: Path, tmp_path: Path, qc: Callable[..., int]) -> None:
    chosen = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        out = tmp_path / f"{name}.html"
        assert qc("--store", planted, "--out", out, "--sample", 5, "--seed", seed) == 0
        chosen.append(frozenset(read_measures(out.with_suffix(".csv"))["study"]))
    assert [len(sample) for sample in chosen] == [5, 5, 5]
    assert chosen[0] == chosen[1] != chosen[2]
    first, second = ((tmp_path / f"{name}.html").read_text() for name in "ab")
    assert first.replace("a.csv", "b.csv") == second
    assert "random sample of 5 of 24 studies" in first
