from __future__ import annotations

import csv
from pathlib import Path, PurePath

import pytest

from preprocess.errors import PreprocessError
from preprocess.labels.table import read_labels, write_label_table
from preprocess.sources.sites import identify
from tests.support.reference import shared

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
    assert "LVEF not stated" in outcome.out and "next: cmr-preprocess splits --store" in outcome.out
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


def ledger_of(out: Path) -> list[tuple[str, ...]]:
    with out.with_name("labels.ledger.csv").open() as file:
        return [(row["study"], row["outcome"], row["reason"]) for row in csv.DictReader(file)]


def kaggle_store(site, numbers: list[int]) -> dict[int, str]:
    return {number: site.add(f"kaggle_{number}", f"kaggle_{number}") for number in numbers}


def test_volumes_of_the_data_science_bowl_become_lvef(site, labels, write_table) -> None:
    keys = kaggle_store(site, [1, 2, 501, 701, 702])
    train = write_table("train.csv", ["Id", "Systole", "Diastole"], ("1", "108.3", "246.7"), ("2", "50", "100"))
    validate = write_table("validate.csv", ["Id", "Systole", "Diastole"], ("501", "30.0", "120.0"))
    rows = [("702_Systole", "40", "Private"), ("701_Diastole", "200.5", "Public"), ("701_Systole", "100.25", "Public")]
    solution = write_table("solution.csv", ["Id", "Volume", "Usage"], *rows, ("702_Diastole", "160", "Private"))
    outcome, out = labels("--kaggle", train, "--kaggle", validate, "--kaggle", solution)
    assert outcome.code == 0 and "lvef_percent: 5 of 5 studies" in outcome.out
    frame = read_labels(out)
    assert frame.columns.tolist() == ["lvef_percent", "edv_ml", "esv_ml"]
    expected = {1: (56.10, 246.7, 108.3), 2: (50, 100, 50), 501: (75, 120, 30), 701: (50, 200.5, 100.25)}
    for number, values in {**expected, 702: (75, 160, 40)}.items():
        assert frame.loc[keys[number]].tolist() == list(values)
    assert "kaggle" not in out.read_text() and "701" not in "".join(frame.columns)


@pytest.mark.parametrize(
    ("systole", "diastole", "reason"),
    [
        ("100", "100", "impossible: the systolic"),
        ("120", "100", "impossible: the systolic"),
        ("0", "100", "impossible: a volume"),
        ("-5", "100", "impossible: a volume"),
        ("-5", "-2", "impossible: a volume"),
        ("", "100", "missing or no number"),
        ("nan", "100", "missing or no number"),
        ("50", "inf", "missing or no number"),
        ("50", "much", "missing or no number"),
    ],
)
def test_impossible_volumes_are_left_out_and_said(
    site, labels, write_table, systole: str, diastole: str, reason: str
) -> None:
    keys = kaggle_store(site, [1, 2])
    header = ["Id", "Systole", "Diastole"]
    outcome, out = labels("--kaggle", write_table("t.csv", header, ("1", systole, diastole), ("2", "50", "100")))
    assert outcome.code == 0 and reason in outcome.out
    frame = read_labels(out)
    assert frame.loc[keys[1]].isna().all() and frame.loc[keys[2], "lvef_percent"] == 50
    assert [row[:2] for row in ledger_of(out) if reason in row[2]] == [(keys[1], "left out")]


def test_rows_of_the_data_science_bowl_are_all_accounted_for(site, labels, write_table) -> None:
    keys = kaggle_store(site, [701, 702, 703, 704])
    rows = [
        ("701_Systole", "50"),
        ("701_Diastole", "100"),
        ("701_Systole", "50"),  # again
        ("701_Diastole", "100"),
        ("702_Systole", "50"),
        ("702_Diastole", "100"),
        ("702_Systole", "60"),  # another value
        ("703_Systole", "50"),  # no partner
        ("705_Systole", "50"),  # not in the store
        ("705_Diastole", "100"),
        ("9999_Systole", "50"),
        ("701", "50"),
        ("701_systole", "50"),
        ("", "50"),
    ]
    table = write_table("solution.csv", ["Id", "Volume", "Usage"], *((*row, "Public") for row in rows))
    outcome, out = labels("--kaggle", table)
    assert outcome.code == 0
    found = sorted((row[0], row[2]) for row in ledger_of(out))
    stranger = site.key.study("kaggle_705", "kaggle_705")
    unknown = "Id is no number of the Data Science Bowl (1–1140)"
    assert found == sorted(
        [
            (keys[701], ""),
            (keys[701], "same again"),
            (keys[702], ""),
            (keys[702], "another row of this study came first"),
            (keys[703], "a volume is missing or no number"),
            (keys[704], "no row in the table"),
            (stranger, "study not in the store"),
            *[("", unknown)] * 4,
        ]
    )
    assert read_labels(out).loc[keys[702], "lvef_percent"] == 50


def test_wrong_tables_of_volumes_are_one_line(site, labels, write_table) -> None:
    kaggle_store(site, [1])
    wrong = write_table("w.csv", ["Id", "Systole"], ("1", "5"))
    assert "neither the columns Systole and Diastole" in labels("--kaggle", wrong)[0].error()
    assert "no column Id" in labels("--kaggle", write_table("i.csv", ["id", "Systole"], ("1", "5")))[0].error()
    other = write_table("o.csv", ["Id", "Systole", "Diastole"], ("2", "50", "100"))
    error = labels("--kaggle", other)[0].error()
    assert "none of the 1 rows" in error and "<id>/study" in error and "leading zeros" not in error


def test_lvef_equals_what_was_published(site, labels, write_table) -> None:
    """The published table states LVEF only; volumes with that LVEF must give it back."""
    with shared("reference/published_predictions/kaggle_lvef.csv").open() as file:
        published = [float(row["truth"]) for row in csv.DictReader(file)][:40]
    keys = kaggle_store(site, list(range(1, 41)))
    rows = [(str(n), f"{150 - 1.5 * lvef:.6f}", "150") for n, lvef in enumerate(published, start=1)]
    outcome, out = labels("--kaggle", write_table("t.csv", ["Id", "Systole", "Diastole"], *rows))
    assert outcome.code == 0
    frame = read_labels(out)
    for number, lvef in enumerate(published, start=1):
        assert frame.loc[keys[number], "lvef_percent"] == pytest.approx(lvef, abs=0.006)


def acdc_folder(root: Path, groups: dict[str, str]) -> Path:
    for patient, text in groups.items():
        folder = root / ("training" if int(patient[7:]) <= 100 else "testing") / patient
        folder.mkdir(parents=True)
        (folder / "Info.cfg").write_text(text)
    return root


def test_groups_of_acdc_become_columns(site, labels, tmp_path: Path) -> None:
    names = ["NOR", "MINF", "DCM", "HCM", "RV"]
    patients = [f"patient{number:03d}" for number in (1, 22, 100, 101, 150)]
    keys = [site.add(patient, patient) for patient in patients]
    text = "ED: 1\r\nES: 12\r\nGroup: {}\r\nHeight: 184.0\r\nNbFrame: 30\r\nWeight: 95.0\r\n"
    root = acdc_folder(tmp_path / "a", {one: text.format(name) for one, name in zip(patients, names, strict=True)})
    (root / "Info.cfg").write_text("Group: DCM\n")  # of no patient
    outcome, out = labels("--acdc", root)
    assert outcome.code == 0 and "RV: 5 of 5 studies" in outcome.out
    frame = read_labels(out)
    assert frame.columns.tolist() == names
    for index, key in enumerate(keys):
        assert frame.loc[key].tolist() == [float(index == other) for other in range(5)]
    assert "184" not in out.read_text() and "patient" not in out.read_text()


def test_unknown_and_missing_groups_are_left_out_and_said(site, labels, tmp_path: Path) -> None:
    texts = {
        "patient001": "Group: DCM\n",
        "patient002": "Group: XYZ\n",
        "patient003": "ED: 1\n",
        "patient004": "Group: <b>\n",
        "patient005": "\0\xff" * 100,
        "patient007": "Group: RV\n",
    }
    keys = {patient: site.add(patient, patient) for patient in [*list(texts)[:5], "patient006"]}
    outcome, out = labels("--acdc", acdc_folder(tmp_path / "a", texts))
    assert outcome.code == 0
    frame = read_labels(out)
    assert frame.loc[keys["patient001"], "DCM"] == 1
    assert frame.drop(keys["patient001"]).isna().all(axis=None)
    reasons = {row[0]: row[2] for row in ledger_of(out)}
    assert reasons[keys["patient002"]] == reasons[keys["patient004"]] == "the group is none of NOR, MINF, DCM, HCM, RV"
    assert reasons[keys["patient003"]] == reasons[keys["patient005"]] == "empty"
    assert reasons[keys["patient006"]] == "no row in the table"
    assert reasons[site.key.study("patient007", "patient007")] == "study not in the store"


def test_a_folder_without_acdc_is_one_line(site, labels, tmp_path: Path) -> None:
    site.add("patient001", "patient001")
    assert "no patientNNN/Info.cfg" in labels("--acdc", tmp_path / "nowhere")[0].error()
    acdc_folder(tmp_path / "a", {"patient002": "Group: DCM\n"})
    error = labels("--acdc", tmp_path / "a")[0].error()
    assert "none of the 1 rows" in error and "patientNNN_4d.nii.gz" in error


def test_labels_find_the_studies_that_names_identify(site, labels, write_table) -> None:
    """The key of a path and the key of a label row are one."""
    who = identify(PurePath("train/train/77/study/sax_5"))
    key = site.add(who.patient, who.study)
    _, out = labels("--kaggle", write_table("t.csv", ["Id", "Systole", "Diastole"], ("77", "40", "100")))
    assert read_labels(out).loc[key, "lvef_percent"] == 60


def test_a_first_row_that_is_no_header_is_not_repeated(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("Smith^John,1950-02-03,MRN12345\n0123456789abcdef,1,2\n")
    with pytest.raises(PreprocessError, match="no column study") as found:
        read_labels(path)
    assert not [word for word in ("Smith", "1950", "MRN") if word in str(found.value)]


@pytest.mark.parametrize("targets", [("study",), ("a", "a"), ("",), (" ",)])
def test_targets_without_a_name_of_their_own_are_refused(targets: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(PreprocessError, match="name each once"):
        write_label_table(tmp_path / "labels.csv", targets, [("0123456789abcdef", ["1"] * len(targets))])
    assert not list(tmp_path.iterdir())
