"""Manifest and ledger against the files, and both files of the manifest against each other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from preprocess.store.ledger import STORED, Record, Row, write_ledger
from preprocess.store.manifest import build_manifest, write_manifest
from preprocess.store.study_file import write_study
from preprocess.verification.problem import Check
from tests.support.verified_stores import KEYS, STRANGER, checked, keyed_study, path_of, problems_in


def checks(store: Path) -> set[Check]:
    return {problem.check for problem in checked(store).problems}


def test_presence_is_checked_both_ways(store: Path) -> None:
    path_of(store).unlink()
    write_study(store, replace(keyed_study(1), patient="ab" * 8, study="cd" * 8))
    problems = {(problem.check, problem.patient): problem.problem for problem in checked(store).problems}
    assert "no file" in problems[Check.PRESENCE, KEYS[0][0]]
    assert "no file" in problems[Check.LEDGER, KEYS[0][0]]
    assert "no such study" in problems[Check.PRESENCE, "ab" * 8]
    assert "no series" in problems[Check.LEDGER, "ab" * 8]


MANIFEST: dict[str, Any] = {
    "n_frames": 7, "rows": 1, "cols": 1, "row_spacing_mm": 2.001, "col_spacing_mm": np.nan, "slice_thickness_mm": 9.0,
    "vendor": STRANGER, "model": "x", "field_strength_t": 3.0, "sex": "M", "age_years": 62.0, "pixel_sha256": "00",
}  # fmt: skip


@pytest.mark.parametrize("column", MANIFEST)
def test_a_manifest_that_says_something_else_is_found(store: Path, column: str) -> None:
    table = build_manifest(store)
    table.loc[4, column] = MANIFEST[column]
    write_manifest(store, table)
    (problem,) = checked(store).problems
    assert problem.check is Check.MANIFEST
    assert column in problem.problem
    assert STRANGER not in problem.problem
    assert (problem.study, problem.view, problem.slice) == tuple(table.loc[4, ["study", "view", "slice"]])


def test_rows_that_are_missing_repeated_or_foreign_are_found(store: Path) -> None:
    table = build_manifest(store)
    foreign = table.iloc[[0]].assign(patient=STRANGER)
    extra = table.iloc[[5]].assign(slice=99)
    write_manifest(store, pd.concat([table.iloc[1:], table.iloc[[7]], foreign, extra]))
    texts = " ".join(text for _, text in problems_in(store))
    for words in ("in the file, not in the manifest", "several rows", "not 16 hex", "in the manifest, not in the file"):
        assert words in texts
    assert STRANGER not in texts


def test_the_two_files_of_the_manifest_must_agree(store: Path) -> None:
    table = build_manifest(store)
    table.loc[0, "age_years"] = 20.0
    table.to_csv(store / "clips.csv", index=False)
    assert problems_in(store) == [(Check.MANIFEST, "clips.csv and clips.parquet differ")]


@pytest.mark.parametrize("name", ["clips.parquet", "clips.csv", "ledger.csv"])
@pytest.mark.parametrize("content", [None, b"", b"PAR1garbage", b"\xff\xfe\x00,\n1"])
def test_a_table_that_is_missing_or_damaged_is_reported(store: Path, name: str, content: bytes | None) -> None:
    (store / name).unlink()
    if content is not None:
        (store / name).write_bytes(content)
    assert checks(store) == {Check.LEDGER if name == "ledger.csv" else Check.MANIFEST}


def test_a_ledger_that_names_another_view_is_found(store: Path) -> None:
    rows = [Row("00", *keys, "11", view, 1.0, STORED) for keys in KEYS for view in ("SAX", "3CH")]
    write_ledger(store, [Record("00", rows=tuple(rows))])
    assert problems_in(store) == [(Check.LEDGER, "the ledger says stored, the file has no such view")] * 3
