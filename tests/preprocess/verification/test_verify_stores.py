"""Verification from Python: what it returns, and that a fault of the machine or of a check is told from damage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from preprocess.errors import MachineError
from preprocess.store.ledger import STORED, Record, Row, write_ledger
from preprocess.store.manifest import build_manifest, write_manifest
from preprocess.store.study import Study
from preprocess.store.study_file import write_study
from preprocess.store.views import View
from preprocess.system.pool import Failed
from preprocess.verification import store_check, table_check
from preprocess.verification.copies import COLUMNS
from preprocess.verification.file_check import Task
from preprocess.verification.problem import Check
from preprocess.verification.verify import verify_stores
from tests.support.stacks import stack_of

KEYS = ("0" * 16, "1" * 16)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    folder = tmp_path / "store"
    stack = stack_of(np.random.default_rng(0).integers(0, 255, (1, 6, 16, 16)).astype(np.uint8))
    write_study(folder, Study(*KEYS, {View.CH4: stack}))
    write_manifest(folder, build_manifest(folder))
    write_ledger(folder, [Record("00", rows=(Row("00", *KEYS, "33", "4CH", 1.0, STORED),))])
    return folder


def test_a_whole_store_comes_back_with_its_tables(store: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int, int]] = []
    found = verify_stores([store], out=tmp_path / "out", progress=lambda *counts: seen.append(counts))
    assert seen == [(1, 1, 1)]
    assert found.problems == [] and found.n_leaks == 0
    assert [check.n_studies for check in found.checks] == [1]
    assert found.pairs is not None and list(found.pairs.columns) == list(COLUMNS)
    assert found.problems_table == tmp_path / "out" / "verification.csv"
    assert pd.read_csv(found.problems_table).empty and found.pairs_table.is_file()
    assert verify_stores([store], with_duplicates=False).pairs is None


def test_tables_that_the_machine_cannot_read_are_not_called_damaged(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise MachineError("Permission denied")

    monkeypatch.setattr(table_check, "checked_manifest", fail)
    monkeypatch.setattr(table_check, "read_ledger", fail)
    problems = verify_stores([store], with_duplicates=False).problems
    assert {problem.check for problem in problems} == {Check.UNCHECKED}
    assert {problem.problem.removeprefix("this machine could not read ") for problem in problems} == {
        "clips.parquet",
        "clips.csv",
        "ledger.csv",
    }


def test_a_fault_of_a_check_is_not_called_damage(store: Path) -> None:
    (problem,) = store_check._lost(Failed(Task(store, *KEYS), TypeError("our fault"))).problems
    assert problem.check is Check.UNCHECKED
    assert "TypeError" in problem.problem and "our fault" not in problem.problem
