"""The table of measures: interrupted, gone on with, brought up to date, made by several processes."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from preprocess.qc import collect as collecting
from preprocess.qc.collect import collect, read_measures, write_measures
from preprocess.store.study_file import studies_in, write_study
from preprocess.store.views import View
from tests.support.stacks import stack_of
from tests.support.synthetic import SLICES, a_study, write_store


def test_an_interrupted_run_goes_on_without_measuring_again(
    planted: Path, measures: pd.DataFrame, tmp_path: Path
) -> None:
    keys, table = list(studies_in(planted)), tmp_path / "qc.csv"

    def stop(done: int, _: int) -> None:
        if done == 9:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        collect(planted, keys, table, progress=stop)
    part = table.with_name(".qc.csv.part")
    with part.open("a") as file:  # what a power cut leaves of a line
        file.write("1,00000000000b")
    asked: list[bool] = []
    real = collecting.measure_study

    def spy(*arguments: object) -> object:
        result = real(*arguments)  # type: ignore[arg-type]
        asked.append(result.is_known)
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(collecting, "measure_study", spy)
        resumed = collect(planted, keys, table)
    assert sum(asked) == 9
    pd.testing.assert_frame_equal(resumed, measures)
    write_measures(table, resumed)
    assert not part.exists()
    pd.testing.assert_frame_equal(read_measures(table), measures)


def test_a_study_that_changed_is_measured_anew(tmp_path: Path) -> None:
    store, table = write_store(tmp_path / "store", 3), tmp_path / "qc.csv"
    keys = list(studies_in(store))
    write_measures(table, collect(store, keys, table))
    short = stack_of(a_study(1).views[View.SAX].pixels[: SLICES - 2] // 2)
    write_study(store, a_study(1, {View.SAX: short}))
    again = collect(store, keys, table)
    fresh = collect(store, keys, tmp_path / "fresh.csv")
    pd.testing.assert_frame_equal(again, fresh)


def test_the_table_does_not_depend_on_the_number_of_processes(
    planted: Path, measures: pd.DataFrame, tmp_path: Path
) -> None:
    table = collect(planted, list(studies_in(planted)), tmp_path / "qc.csv", workers=2)
    pd.testing.assert_frame_equal(table, measures)
