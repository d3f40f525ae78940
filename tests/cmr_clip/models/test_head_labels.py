"""Labels that heads do not take: unknown classes, missing columns, two heads of one name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cmr_clip.cli import main
from cmr_clip.data.labels import truth_of
from cmr_clip.errors import CmrClipError
from cmr_clip.models.class_names import class_index
from cmr_clip.models.heads import BinaryHead, RegressionHead
from tests.support.cohort import Cohort
from tests.support.group_head import GroupHead, group_recipe, label_file

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


@pytest.mark.parametrize(
    ("classes", "cell", "index"),
    [
        (("1", "2", "3.5"), "2.0", 1),
        (("1", "2", "3.5"), "3.50", 2),
        (("1", "2", "3.5"), "4", None),
        (("2", "DCM"), "2.0", 0),
        (("2", "DCM"), "DCM", 1),
        (("01", "02"), "01", 0),
        (("01", "02"), "1", 0),
        (("1", "1.0"), "1.0", 1),
        (("1", "1.0"), "1.00", None),
        (("1234567", "1234568"), "1234568", 1),
        (("100000",), "100000.4", None),
        (("nan", "inf"), "inf", 1),
        (("nan",), "NaN", None),
        (("1000",), "1_000", None),
    ],
)
def test_cells_name_classes_as_text_or_as_the_same_number(
    classes: tuple[str, ...], cell: str, index: int | None
) -> None:
    assert class_index(cell, classes) == index


@pytest.mark.parametrize("outputs", ["AB", [1, 2], [True, False], ["a", ""], [None], ["a", "a"]])
def test_outputs_that_are_no_names_are_refused(outputs: Any) -> None:
    with pytest.raises(CmrClipError, match="group"):
        GroupHead("group", outputs)


@pytest.mark.parametrize("target", ["", " ", None, 3])
def test_a_head_needs_a_target(target: Any) -> None:
    with pytest.raises(CmrClipError, match="name the label column"):
        BinaryHead(target)


@pytest.mark.parametrize(
    ("column", "cell"),
    [("dilated", text) for text in ("0.7", "2", "-1", "nan", "inf", "yes", "0x1", "1_0")]
    + [("lvef_percent", text) for text in ("abc", "NaN", "inf", "-inf", "1e400", "1_000", "0x10", "5,5")],
)
def test_one_wrong_cell_of_any_split_is_one_error_with_its_row(
    column: str, cell: str, cohort: Cohort, tmp_path: Path
) -> None:
    path = label_file(tmp_path / "labels.csv", cohort, {(column, 6): cell})
    head = BinaryHead(column) if column == "dilated" else RegressionHead(column)
    with pytest.raises(CmrClipError, match=rf"holds 1 of \d+ labels that target '{column}' .* the first in row 7"):
        truth_of(path, [head])


def test_two_heads_of_one_name_are_refused(cohort: Cohort, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = group_recipe(tmp_path, cohort, label_file(tmp_path / "labels.csv", cohort), ("group", "dilated", "group"))
    assert main(["fit", *options]) == 1
    assert "several heads predict group, group:DCM" in capsys.readouterr().err
