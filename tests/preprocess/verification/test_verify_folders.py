"""Strangers and links in the folder of a store."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from preprocess.verification.problem import Check
from tests.support.verified_stores import KEYS, STRANGER, checked, path_of, problems_table, run_verify


def test_strangers_in_the_folder_are_counted_and_not_named(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (store / f"{STRANGER}.dcm").write_bytes(b"x")
    (store / STRANGER).mkdir()
    (store / KEYS[0][0] / f"{STRANGER}.h5").write_bytes(b"x")
    (store / ".clips.csv.123.tmp").write_bytes(b"x")
    (store / ("ef" * 8)).mkdir()
    (store / ".ledger").mkdir(exist_ok=True)
    (store / ".ledger" / ".00.json.77.tmp").write_bytes(b"x")
    assert run_verify("--store", store) == 1
    table = problems_table(store)
    assert list(table["check"]) == ["folder"] * 6
    assert table["problem"].str.contains("temporary").sum() == 2
    assert STRANGER not in (store / "verification.csv").read_text() + "".join(capsys.readouterr())


def test_links_of_the_file_system_are_not_followed(store: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.h5"
    shutil.move(path_of(store), outside)
    path_of(store).symlink_to(outside)
    shutil.move(store / KEYS[1][0], tmp_path / "elsewhere")
    (store / KEYS[1][0]).symlink_to(tmp_path / "elsewhere")
    result = checked(store)
    assert result.n_studies == 1
    assert sum("link" in problem.problem for problem in result.problems if problem.check is Check.FOLDER) == 2
