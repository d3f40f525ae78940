from __future__ import annotations

import csv
from pathlib import Path

import pytest

from preprocess.errors import PreprocessError
from preprocess.tables import read_labels

HEADER = ["patient_id", "accession", "report"]
KEYS = [f"{index:016x}" for index in range(3)]


@pytest.fixture
def labels(site, command, tmp_path):
    def run(*argv: object):
        out = tmp_path / "labels.csv"
        return command("labels", *argv, "--store", site.store, "--out", out), out

    return run


def test_lvef_from_reports(site, labels, write_table, tmp_path) -> None:
    keys = [site.add("001", f"0{index}") for index in range(4)]
    texts = ("LVEF 34 %.", "RVEF 45 %.", "FINDINGS: LVEF 34%.\nIMPRESSION: LVEF 54%.")
    table = write_table("r.csv", HEADER, *(("001", f"0{index}", text) for index, text in enumerate(texts)))
    outcome, out = labels("--reports", table)
    assert outcome.code == 0
    assert "lvef_percent: 1 of 4 studies" in outcome.out
    assert "LVEF not stated" in outcome.out and "next: cmr-clip fit" in outcome.out
    frame = read_labels(out)
    assert frame["lvef_percent"].dropna().to_dict() == {keys[0]: 34.0}
    assert sorted(frame.index) == sorted(keys)
    with (tmp_path / "labels.ledger.csv").open() as file:
        rows = {row["study"]: (row["outcome"], row["n_labels"]) for row in csv.DictReader(file)}
    assert rows == dict(zip(keys, [("kept", "1"), ("left out", "0"), ("left out", "0"), ("absent", "0")], strict=True))


def test_columns_of_a_table(site, labels, write_table) -> None:
    keys = [site.add("001", f"0{index}") for index in range(3)]
    rows = [("001", "00", "55.5", "hcm", "x"), ("001", "01", "", "dcm", "x"), ("9", "9", "1", "dcm", "x")]
    table = write_table("t.csv", ["patient_id", "accession", "lvef_percent", "disease", "name"], *rows)
    outcome, out = labels("--table", table, "--columns", "lvef_percent,disease")
    assert outcome.code == 0
    assert out.read_text().splitlines()[0] == "study,lvef_percent,disease"
    frame = read_labels(out)
    assert frame["lvef_percent"].dropna().to_dict() == {keys[0]: 55.5}
    assert frame["disease"].dropna().to_dict() == {keys[0]: "hcm", keys[1]: "dcm"}
    assert frame["lvef_percent"].dtype == float
    assert "001" not in out.read_text().split("\n", 1)[1].replace(keys[0], "").replace(keys[1], "").replace(keys[2], "")


def test_bad_requests_are_one_line(site, labels, write_table) -> None:
    site.add("001", "01")
    table = write_table("t.csv", ["patient_id", "accession", "lvef"], ("001", "01", "50"))
    assert "--columns" in labels("--table", table)[0].error()
    assert "identifier" in labels("--table", table, "--columns", "lvef,patient_id")[0].error()
    assert "twice" in labels("--table", table, "--columns", "lvef,lvef")[0].error()
    assert "no column hcm" in labels("--table", table, "--columns", "hcm")[0].error()
    assert "no column report" in labels("--reports", table)[0].error()
    other = write_table("o.csv", ["patient_id", "accession", "lvef"], ("1", "1", "50"))
    assert "none of the 1 rows" in labels("--table", other, "--columns", "lvef")[0].error()


def test_reports_and_table_exclude_each_other(labels) -> None:
    with pytest.raises(SystemExit) as stop:
        labels("--reports", "a", "--table", "b")
    assert stop.value.code == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("study\n", "no rows"),
        (f"study\n{KEYS[0]}\n", "no target"),
        ("patient,x\n1,2\n", "no column study"),
        ("study,x\n12345,2\n", "16 hex digits"),
        (f"study,x\n{KEYS[0]},1\n{KEYS[0]},2\n", "more than once"),
        (f"study,x,x\n{KEYS[0]},1,2\n", "more than once"),
        (f'study,x\n{KEYS[0]},"1\n', "line"),
        ("", "no column study"),
    ],
)
def test_wrong_label_files_are_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "l.csv"
    path.write_text(text)
    with pytest.raises(PreprocessError, match=words):
        read_labels(path)


def test_label_columns_are_numbers_or_text(tmp_path: Path) -> None:
    path = tmp_path / "l.csv"
    path.write_text(f"study,a,b,c\n{KEYS[0]},1,x,\n{KEYS[1]}, 2.5 ,3,\n{KEYS[2]},,,\n")
    frame = read_labels(path)
    assert frame["a"].tolist()[:2] == [1.0, 2.5]
    assert frame["b"].tolist()[:2] == ["x", "3"]
    assert frame.isna().sum().to_dict() == {"a": 1, "b": 1, "c": 3}
