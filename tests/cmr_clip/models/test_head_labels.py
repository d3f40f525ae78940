"""Labels that heads do not take: unknown classes, missing columns, two heads of one name."""

from __future__ import annotations

from pathlib import Path

import pytest

from cmr_clip.cli import main
from cmr_clip.models.heads import class_index
from tests.support.cohort import Cohort
from tests.support.group_head import group_recipe, label_file

pytestmark = pytest.mark.usefixtures("group_is_known")


def test_a_class_name_that_the_head_does_not_know_is_one_clear_error(
    cohort: Cohort, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = label_file(tmp_path / "labels.csv", cohort, {("group", 4): "ARVC", ("group", 9): "John Doe"})
    assert main(["fit", *group_recipe(tmp_path, cohort, labels)]) == 1
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
    assert f"{labels}: column group holds 2 of 13 labels that target 'group' does not take, the first in row 5" in line
    assert "NOR, DCM, HCM, MINF, RV" in line
    for word in ("John", *cohort.studies, *cohort.patients):
        assert word not in line


def test_a_column_that_is_missing_or_empty_is_named(
    cohort: Cohort, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", *group_recipe(tmp_path, cohort, cohort.labels)]) == 1
    assert f"no column 'group' in {cohort.labels}" in capsys.readouterr().err
    labels = label_file(tmp_path / "labels.csv", cohort, {("group", number): "" for number in range(10)})
    assert main(["fit", *group_recipe(tmp_path, cohort, labels)]) == 1
    assert "no training study has a label for target 'group'" in capsys.readouterr().err
    labels = label_file(tmp_path / "one.csv", cohort, {("dilated", number): 1 for number in range(10)})
    assert main(["fit", *group_recipe(tmp_path, cohort, labels)]) == 1
    assert "target 'dilated': 10 ones and 0 zeros" in capsys.readouterr().err


def test_numbers_may_name_classes() -> None:
    assert [class_index(cell, ("1", "2", "3.5")) for cell in (1.0, 2.0, 3.5, "2", 4.0, "")] == [0, 1, 2, 1, None, None]


def test_two_heads_of_one_name_are_refused(cohort: Cohort, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = group_recipe(tmp_path, cohort, label_file(tmp_path / "labels.csv", cohort), ("group", "dilated", "group"))
    assert main(["fit", *options]) == 1
    assert "several heads predict group, group:DCM" in capsys.readouterr().err
