"""`cmr-preprocess views`: what it writes, what it says, and what it refuses."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from preprocess.cli import main
from preprocess.recognition.agreement import measure

NAMES = [("4CH_FIESTA_BH", "10"), ("SAX scout", "5"), ("4CH_FIESTA_NBH", "3"), ("whatever", "2"), ("cine SA", "7")]


def write(path: Path, head: list[str], rows: list[tuple[str, ...]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([head, *rows])
    return path


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def views(source: Path, out: Path, *more: str, code: int = 0) -> list[dict[str, str]]:
    assert main(["views", "--csv", str(source), "--out", str(out), *more]) == code
    return read(out) if code == 0 else []


def test_views_are_written_beside_the_table_and_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = views(write(tmp_path / "in.csv", ["series_description", "count"], NAMES), tmp_path / "out.csv")
    assert [row["series_description"] for row in rows] == [name for name, _ in NAMES]
    assert [row["view"] for row in rows] == ["4CH", "", "", "", "SAX"]
    assert list(rows[0]) == ["series_description", "count", "view", "confidence", "reason"]
    assert all(0 <= float(row["confidence"]) <= 1 and row["reason"] for row in rows)
    said = capsys.readouterr().out
    assert "4CH: 10 series, 1 names" in said
    assert "SAX: 7 series, 1 names" in said
    assert "none: 10 series, 3 names" in said
    assert "among none: 3 series, 1 names" in said
    assert "Next: cmr-preprocess convert" in said
    assert "FIESTA" not in said


def test_names_without_counts_count_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    views(write(tmp_path / "in.csv", ["series_description"], [(name,) for name, _ in NAMES]), tmp_path / "out.csv")
    assert "none: 3 series, 3 names" in capsys.readouterr().out


def test_a_given_view_is_kept_and_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["4CH", "SAX", "", "LVOT", "2CH"]
    table = [(name, count, view, "mine") for (name, count), view in zip(NAMES, given, strict=True)]
    source = write(tmp_path / "in.csv", ["series_description", "count", "view", "reason"], table)
    rows = views(source, tmp_path / "out.csv")
    assert [row["view_given"] for row in rows] == given
    assert [row["reason_given"] for row in rows] == ["mine"] * 5
    assert [row["view"] for row in rows] == ["4CH", "", "", "", "SAX"]
    said = capsys.readouterr().out
    assert "line 6: 7 series, given 2CH, found SAX (description: short-axis)" in said
    assert "line 3: 5 series, given SAX, found none (description: localiser or scout)" in said
    assert said.index("line 6") < said.index("line 3")
    assert "line 5" not in said  # LVOT is not one of the four
    assert "FIESTA" not in said
    overall = next(line for line in said.splitlines() if "all" in line and "│" in line)
    assert [cell.strip() for cell in overall.strip("│ ").split("│")] == ["all", "0.588", "0.455", "22", "17"]


def test_agreement_counts_by_hand() -> None:
    rows = {row.name: row for row in measure(["4CH", "4CH", "", "SAX"], ["4CH", "", "4CH", "2CH"], [6, 2, 3, 1])}
    assert (rows["4CH"].precision, rows["4CH"].recall) == (6 / 9, 6 / 8)
    assert rows["SAX"].recall == 0
    assert rows["SAX"].precision != rows["SAX"].precision  # none was found: no number
    assert (rows["all"].precision, rows["all"].recall) == (6 / 10, 6 / 9)


def test_a_sites_rules_come_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = tmp_path / "site.yaml"
    rules.write_text("- match: whatever\n  view: 2CH\n- match: absent\n  view: none\n", encoding="utf-8")
    source = write(tmp_path / "in.csv", ["series_description", "count"], NAMES)
    rows = views(source, tmp_path / "out.csv", "--site", str(rules))
    assert rows[3]["view"] == "2CH"
    assert rows[3]["reason"] == "site rule 1"
    said = capsys.readouterr().out
    assert "site rules that decided no name: 2" in said
    assert f"--site {rules}" in said


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "no column series_description"),
        (b"name,count\na,1\n", "no column series_description"),
        (b"series_description,count\n", "has no rows"),
        (b"series_description,count\na,1,2\n", "3 fields where the header has 2"),
        (b'series_description\n"a\n', "line 2"),
        (b"series_description,count\na,x\n", "row 1: count is not a number"),
        (b"series_description,count\na,-1\n", "row 1: count is not a number"),
        (b"series_description,count\na,nan\n", "row 1: count is not a number"),
        (b"series_description,count\na,\n", "row 1: count is not a number"),
        (b"series_description,series_description\na,b\n", "more than once"),
        (b"series_description,view,view_given\na,,\n", "has both view and view_given"),
        (b"\xff\xfe\x00", "not UTF-8"),
    ],
)
def test_a_bad_table_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, told: str
) -> None:
    (tmp_path / "in.csv").write_bytes(content)
    views(tmp_path / "in.csv", tmp_path / "out.csv", code=1)
    error = capsys.readouterr().err
    assert told in error
    assert "in.csv" in error
    assert len(error.strip().splitlines()) == 1
    assert not (tmp_path / "out.csv").exists()


def test_missing_files_and_overwriting_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write(tmp_path / "in.csv", ["series_description"], [("a",)])
    views(tmp_path / "absent.csv", tmp_path / "out.csv", code=1)
    views(source, tmp_path / "out.csv", "--site", str(tmp_path / "absent.yaml"), code=1)
    views(source, source, code=1)
    views(tmp_path, tmp_path / "out.csv", code=1)
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 4
    assert ["absent.csv" in lines[0], "absent.yaml" in lines[1], "would replace" in lines[2]] == [True] * 3
    assert source.read_text(encoding="utf-8").startswith("series_description")
