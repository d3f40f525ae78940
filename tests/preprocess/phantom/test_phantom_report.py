"""Reports say what is true, in varied words, and name nobody."""

from __future__ import annotations

import re

import pytest

from preprocess.phantom import Truth, sample_patient, write_report

EF = re.compile(r"(?:LVEF|EF|[Ee]jection fraction)[^.%]*?(\d+) ?(?:%|percent)")
CLUES = {
    "normal": "normal",
    "dilated": "dilated|enlarge",
    "hypertrophic": "asymmetric|septum|septal",
    "amyloid": "amyloid",
    "lv_hypertrophy": "concentric|hypertensi|symmetric",
    "ischaemic": "infarct|ischaemic",
    "rv_dilation": "right ventric",
    "pulmonary_hypertension": "pulmonary hypertension",
    "la_dilation": "left atri",
    "pericardial_effusion": "pericardial effusion",
}


@pytest.fixture(scope="module")
def written() -> list[tuple[Truth, str]]:
    truths = [Truth(patient, patient.studies[0]) for patient in (sample_patient(5, index) for index in range(40))]
    return [(truth, write_report(truth)) for truth in truths]


def sentences(report: str) -> list[str]:
    text = re.sub(r"[A-Z]{4,}:\n", "", report)
    return [part for part in re.split(r"(?<=\.)\s+", text) if part]


def test_length_and_variety(written: list[tuple[Truth, str]]) -> None:
    assert all(8 <= len(sentences(report)) <= 14 for _, report in written)
    assert len({report for _, report in written}) == len(written)
    used = {re.sub(r"\d+", "#", sentence) for _, report in written for sentence in sentences(report)}
    assert len(used) > 90


def test_ejection_fraction_is_stated_and_right(written: list[tuple[Truth, str]]) -> None:
    stated = 0
    for truth, report in written:
        left = [s for s in sentences(report) if not re.search(r"RV|[Rr]ight ventric", s)]
        found = [match for sentence in left for match in EF.findall(sentence)]
        stated += bool(found)
        for value in found:
            assert abs(int(value) - truth.heart.lvef) <= 0.5 + 1e-9, report
    assert stated >= 0.9 * len(written)


def test_text_carries_the_disease(written: list[tuple[Truth, str]]) -> None:
    for truth, report in written:
        assert re.search(CLUES[truth.patient.phenotype.name], report, re.IGNORECASE), report
        fluid = re.search(r"\d+ mm\b[^.]*effusion|effusion[^.]*\d+ mm|fluid of up to", report)
        assert bool(fluid) == (truth.heart.effusion > 0), report


def test_demographics_are_stated_and_names_are_not(written: list[tuple[Truth, str]]) -> None:
    for truth, report in written:
        assert str(truth.study.age) in report
        assert re.search({"F": r"\b[Ww]oman\b", "M": r"\b[Mm]an\b"}[truth.patient.sex], report)
        patient = truth.patient
        for secret in (*patient.name.split("^"), patient.patient_id, truth.study.accession):
            assert secret not in report
        assert "{" not in report


def test_writing_is_deterministic(written: list[tuple[Truth, str]]) -> None:
    patient = sample_patient(5, 0)
    assert write_report(Truth(patient, patient.studies[0])) == written[0][1]
