from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from preprocess.errors import PreprocessError
from preprocess.reports.cleaning import without_identifiers
from preprocess.reports.layout import report_blocks
from preprocess.reports.splitting import RuleSplitter, choose_splitter, split_sentences


def sentences(report: str) -> list[str]:
    return RuleSplitter().split([block.text for block in report_blocks(without_identifiers(report))])


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        ("The LV is dilated. The RV is normal.", ["The LV is dilated.", "The RV is normal."]),
        ("LVEF is 55. RVEF is 50.", ["LVEF is 55.", "RVEF is 50."]),
        ("Septum of 3.5 cm. No scar.", ["Septum of 3.5 cm.", "No scar."]),
        ("Referred by Dr. Smith for HCM.", ["Referred by Dr. Smith for HCM."]),
        ("Mass of approx. 120 g is normal.", ["Mass of approx. 120 g is normal."]),
        ("Scar, e.g. Septal, vs. Lateral.", ["Scar, e.g. Septal, vs. Lateral."]),
        ("Scar in segment no. 3 only. See Fig. 2.", ["Scar in segment no. 3 only.", "See Fig. 2."]),
        ("Is there scar? No. Trace MR!", ["Is there scar?", "No.", "Trace MR!"]),
        ("EDV is 180 mL. ESV is 90 ml. SV 90 mL.", ["EDV is 180 mL.", "ESV is 90 ml.", "SV 90 mL."]),
        ("The LV is dilated.The RV is normal.", ["The LV is dilated.", "The RV is normal."]),
        ("All walls are normal. 17 segments were seen.", ["All walls are normal.", "17 segments were seen."]),
        (
            "The left ventricle is\nmildly dilated.\nNo scar.",
            ["The left ventricle is mildly dilated.", "No scar."],
        ),
        ("The ejection fraction is\n55. The RV is normal.", ["The ejection fraction is 55.", "The RV is normal."]),
        ("FINDINGS: Dilated LV.\nIMPRESSION:\nDCM.", ["Dilated LV.", "DCM."]),
        ("FINDINGS:\n\nPERICARDIUM:\n\nIMPRESSION\nNormal heart.", ["Normal heart."]),
        ("IMPRESSION:\n1. Dilated LV.\n2. LVEF of\n34%.\n3) No scar", ["Dilated LV.", "LVEF of 34%.", "No scar"]),
        ("Impression: 1. Dilated LV. 2. No scar.", ["Dilated LV.", "No scar."]),
        ("- Dilated LV\n- No scar\n• Trace MR", ["Dilated LV", "No scar", "Trace MR"]),
        ("LV: dilated\nRV: normal", ["LV: dilated", "RV: normal"]),
        ("LVEF 34 %\nRVEF 45 %", ["LVEF 34 %", "RVEF 45 %"]),
        ("Normal (no scar.) Follow up.", ["Normal (no scar.)", "Follow up."]),
        ("Findings: Normal LV. Impression: Normal heart.", ["Normal LV.", "Normal heart."]),
        ("THE LEFT VENTRICLE IS\nDILATED. NO SCAR.", ["THE LEFT VENTRICLE IS", "DILATED.", "NO SCAR."]),
        ("_____\n***\n \n12.\n", []),
        ("", []),
    ],
)
def test_a_report_becomes_its_sentences(report: str, expected: list[str]) -> None:
    assert sentences(report) == expected


def test_no_word_is_lost_between_sentences() -> None:
    text = "The LV is dilated, 6.1 cm. EF 30%. Dr. A. Lee agrees. See no. 3; vs. prior. Mild MR (grade 1). End"
    assert " ".join(split_sentences(text)) == text


@pytest.mark.parametrize(
    "line",
    [
        "Patient Name: DOE, JANE",
        "Patient Name: DOE, JANE   MRN: 00998877   Sex: F",
        "MRN: 00998877",
        "Accession: A00998877",
        "Accession No: 00998877",
        "DOB: 03/04/1950",
        "Referring physician: Dr. Doe",
        "Electronically signed by Jane Doe on 00998877",
        "EXAM: Cardiac MRI   MRN: 00998877",
        "PATIENT NAME: DOE SEX: F",
        "Dictated by: Jane Doe",
    ],
)
def test_lines_that_name_a_person_are_dropped(line: str) -> None:
    kept = " ".join(sentences(f"{line}\nFINDINGS: Dilated LV.")).lower()
    assert "dilated lv." in kept
    assert not any(word in kept for word in ("doe", "jane", "00998877", "1950"))


def test_dates_and_known_numbers_are_dropped() -> None:
    text = without_identifiers(
        "Compared to 03/04/2019 and 2 March 2020; 00771 (ACC-12). LVEF 55-60%.", ["00771", "ACC-12"]
    )
    assert not any(part in text for part in ("2019", "2020", "00771", "ACC-12"))
    assert "LVEF 55-60%" in text


def test_a_one_line_report_loses_only_its_header() -> None:
    assert sentences("MRN: 00998877 FINDINGS: Dilated LV. No scar.") == ["Dilated LV.", "No scar."]


def test_auto_takes_rules_without_models_and_says_so(tmp_path: Path) -> None:
    splitter, why = choose_splitter("auto", tmp_path)
    assert splitter.name == "rules-1"
    assert "no English stanza models" in why


def test_stanza_without_models_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(PreprocessError, match="--stanza-dir"):
        choose_splitter("stanza", tmp_path)


def test_auto_takes_stanza_offline_where_its_models_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "en" / "tokenize").mkdir(parents=True)
    (tmp_path / "en" / "tokenize" / "combined.pt").touch()
    (tmp_path / "resources.json").write_text("{}")
    options: dict[str, object] = {}

    def pipeline(language: str, **given: object) -> object:
        options.update(given)
        return lambda text: SimpleNamespace(sentences=[SimpleNamespace(text=part) for part in text.split("\n\n")])

    monkeypatch.setitem(sys.modules, "stanza", SimpleNamespace(__version__="9.9", Pipeline=pipeline))
    splitter, _ = choose_splitter("auto", tmp_path)
    assert splitter.name == "stanza-9.9"
    assert splitter.split(["Dilated LV.", "12"]) == ["Dilated LV."]
    assert options["download_method"] is None
    assert options["processors"] == "tokenize"
