"""Planted faults are found where they are, and sound clips are not flagged."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from preprocess import cli
from preprocess.qc.collect import collect
from preprocess.qc.rules import find_outliers, flagged
from preprocess.store.study_file import studies_in
from tests.support.planted_faults import PLANTED
from tests.support.reference import shared
from tests.support.synthetic import key


def test_planted_faults_are_found_where_they_are_and_nothing_else_is(measures: pd.DataFrame) -> None:
    outliers = find_outliers(measures)
    found = set(zip(outliers["study"], outliers["view"], outliers["slice"], outliers["reason"], strict=True))
    wanted = {(key(0xB0000 + number), view, index, reason) for number, view, index, reason in PLANTED}
    assert wanted <= found
    # A fault may break a second rule, but sound clips break none.
    places = {(study, view, index) for study, view, index, _ in wanted}
    assert {(study, view, index) for study, view, index, _ in found} <= places


def test_flags_name_the_clips_of_a_view_and_single_clips(measures: pd.DataFrame) -> None:
    table = measures.assign(flags=flagged(measures, find_outliers(measures)))
    fourth = table[table["study"] == key(0xB0000 + 4)]
    flags = fourth.loc[fourth["view"] == "2CH", "flags"]
    assert len(flags) and flags.str.contains("implausible pixel spacing").all()
    black = table[(table["study"] == key(0xB0000 + 1)) & (table["flags"] != "")]
    assert black["slice"].tolist() == [2]


@pytest.mark.slow
def test_few_simulated_clips_are_flagged(tmp_path: Path) -> None:
    raw, store = tmp_path / "raw", tmp_path / "store"
    assert cli.main(["simulate", "--out", str(raw), "--patients", "12", "--seed", "3"]) == 0
    assert cli.main(["convert", "--input", str(raw), "--out", str(store), "--workers", "2"]) == 0
    table = collect(store, list(studies_in(store)), tmp_path / "qc.csv")
    assert len(table) > 100
    assert len(find_outliers(table)) <= 0.01 * len(table)


def test_real_cines_of_a_scanner_are_not_flagged_for_motion_or_order(tmp_path: Path) -> None:
    source = shared("real/rvsc_p09/P09dicom")
    store = tmp_path / "store"
    assert cli.main(["convert", "--input", str(source), "--out", str(store), "--workers", "1"]) == 0
    table = collect(store, list(studies_in(store)), tmp_path / "qc.csv")
    assert len(table) == 1
    assert table["jumpiness"].max() < 0.3
    assert find_outliers(table)["reason"].tolist() == []
