from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from preprocess.errors import PreprocessError
from preprocess.labels.assign import Patients, assign_patients, split_rows
from preprocess.labels.splits import SPLITS, read_splits, write_splits
from preprocess.verification.copies import read_copies

FRACTIONS = (0.6, 0.1, 0.3)
KEYS = [
    (f"{patient:016x}", f"{patient * 10 + visit:016x}") for patient in range(97) for visit in range(patient % 3 + 1)
]
LABELS = pd.Series({study: float(index) for index, (_, study) in enumerate(KEYS)})


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("labels", [None, LABELS], ids=["plain", "stratified"])
def test_fractions_hold_and_a_patient_is_in_one_split(tmp_path: Path, seed: int, labels: pd.Series | None) -> None:
    cohort = Patients.of(KEYS, labels)
    assigned = assign_patients(cohort, FRACTIONS, seed)
    counts = Counter(assigned.values())
    assert all(abs(counts[split] - 97 * share) <= 1 for split, share in zip(SPLITS, FRACTIONS, strict=True))
    path = tmp_path / "splits.csv"
    write_splits(path, split_rows(cohort, assigned), overwrite=False)
    frame = read_splits(path)  # refuses a patient in two splits
    assert sorted(zip(frame["patient"], frame["study"], strict=True)) == sorted(KEYS)


def test_the_same_seed_gives_the_same_splits_in_any_order() -> None:
    first = assign_patients(Patients.of(KEYS), FRACTIONS, 3)
    assert first == assign_patients(Patients.of(reversed(KEYS)), FRACTIONS, 3)
    assert first != assign_patients(Patients.of(KEYS), FRACTIONS, 4)


@pytest.mark.parametrize("seed", range(5))
def test_strata_have_their_share_in_each_split(seed: int) -> None:
    names = pd.Series({study: "hcm" if int(patient, 16) % 4 == 0 else "normal" for patient, study in KEYS})
    cohort = Patients.of(KEYS, names)
    assigned = assign_patients(cohort, FRACTIONS, seed)
    for stratum, size in Counter(cohort.strata.values()).items():
        counts = Counter(split for patient, split in assigned.items() if cohort.strata[patient] == stratum)
        for split, share in zip(SPLITS, FRACTIONS, strict=True):
            assert abs(counts[split] - share * size) <= 2


def test_numbers_are_balanced_by_quantile() -> None:
    cohort = Patients.of(KEYS, LABELS)
    assert len(set(cohort.strata.values())) == 5
    assigned = assign_patients(cohort, FRACTIONS, 1)
    means = [
        np.mean([LABELS[cohort.studies[patient][0]] for patient, own in assigned.items() if own == split])
        for split in SPLITS
    ]
    assert max(means) - min(means) < 0.15 * len(KEYS)


def test_patients_without_a_label_are_assigned_too() -> None:
    cohort = Patients.of(KEYS, LABELS[:10])
    assert set(assign_patients(cohort, FRACTIONS, 1)) == {patient for patient, _ in KEYS}


def test_extending_keeps_what_was_assigned() -> None:
    before = assign_patients(Patients.of(KEYS[:60]), FRACTIONS, 1)
    after = assign_patients(Patients.of(KEYS), FRACTIONS, 2, before)
    assert {patient: after[patient] for patient in before} == before
    counts = Counter(after.values())
    assert all(abs(counts[split] - 97 * share) <= 2 for split, share in zip(SPLITS, FRACTIONS, strict=True))


@pytest.mark.parametrize(
    ("fractions", "words"),
    [
        ((0.6, 0.1, 0.2), "sum to 1"),
        ((0.7, 0.0, 0.3), "empty"),
        ((1.2, -0.4, 0.2), "empty"),
        ((float("nan"), 0.5, 0.5), "sum to 1"),
        ((0.998, 0.001, 0.001), "no patient"),
    ],
)
def test_impossible_fractions_are_refused(fractions: tuple[float, ...], words: str) -> None:
    with pytest.raises(PreprocessError, match=words):
        assign_patients(Patients.of(KEYS), fractions, 1)


def test_the_command_keeps_an_existing_file(site, command, tmp_path) -> None:
    for patient in range(10):
        site.add(f"00{patient}", "01")
    out = tmp_path / "splits.csv"
    fixed = ("splits", "--store", site.store, "--out", out)
    first = command(*fixed, "--seed", 7)
    assert first.code == 0 and "train: patients 6, studies 6" in first.out and "next: name it in a recipe" in first.out
    content = out.read_bytes()
    assert "unchanged" in command(*fixed, "--seed", 7).out
    assert "--overwrite" in command(*fixed, "--seed", 8).error()
    assert out.read_bytes() == content
    assert command(*fixed, "--seed", 8, "--overwrite").code == 0
    assert out.read_bytes() != content


def test_the_command_extends_and_stratifies(site, command, tmp_path) -> None:
    for patient in range(10):
        site.add(f"00{patient}", "01")
    out, labels = tmp_path / "splits.csv", tmp_path / "labels.csv"
    fixed = ("splits", "--store", site.store, "--out", out)
    assert command(*fixed).code == 0
    before = read_splits(out).set_index("study")["split"].to_dict()
    again, new = site.add("000", "02"), site.add("new", "01")
    outcome = command(*fixed, "--extend", out)
    assert f"kept from {out}: 10, added: 1" in outcome.out
    after = read_splits(out).set_index("study")["split"].to_dict()
    assert before.items() <= after.items()
    assert after[again] == before[site.key.study("000", "01")]
    labels.write_text("study,group\n" + "".join(f"{study},{int(study, 16) % 2}\n" for study in after if study != new))
    balanced = command(*fixed, "--stratify", f"{labels}:group", "--overwrite")
    assert balanced.code == 0 and "patients without a value there: 1" in balanced.out
    assert "no column other" in command(*fixed, "--stratify", f"{labels}:other").error()
    assert "labels.csv:column" in command(*fixed, "--stratify", "labels").error()


def test_a_store_without_studies_is_one_line(site, command, tmp_path) -> None:
    assert "no study" in command("splits", "--store", site.store, "--out", tmp_path / "s.csv").error()
    assert "no study store" in command("splits", "--store", tmp_path / "x", "--out", tmp_path / "s.csv").error()


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([(*KEYS[0], "tests")], "1 of 1 rows have an unknown split, the first is row 1"),
        ([(*KEYS[1], "train"), (*KEYS[2], "test")], "more than one split"),
        ([(*KEYS[0], "train"), (*KEYS[0], "train")], "more than once"),
        ([("12345", "1", "train")], "16 hex digits"),
    ],
)
def test_wrong_split_files_are_refused(tmp_path: Path, rows: list[tuple[str, str, str]], words: str) -> None:
    path = tmp_path / "splits.csv"
    path.write_text("patient,study,split\n" + "".join(",".join(row) + "\n" for row in rows))
    with pytest.raises(PreprocessError, match=words):
        read_splits(path)


@pytest.mark.parametrize("seed", range(6))
def test_patients_with_the_same_scan_go_to_the_same_split(tmp_path: Path, seed: int) -> None:
    cohort = Patients.of(KEYS)
    patients = sorted(cohort.studies)
    pairs = [
        (patients[0], patients[1]),
        (patients[1], patients[50]),
        (patients[7], patients[8]),
        ("f" * 16, patients[3]),
    ]
    rows = [f"1,{a},x,1,{b},y" for a, b in [*pairs, (patients[9], patients[9])]]
    table = tmp_path / "duplicates.csv"
    table.write_text("\n".join(["store_a,patient_a,study_a,store_b,patient_b,study_b", *rows]) + "\n")
    copies = read_copies(table, cohort.studies)
    assert copies == [sorted([patients[0], patients[1], patients[50]]), [patients[7], patients[8]]]
    assigned = assign_patients(replace(cohort, copies=copies), FRACTIONS, seed)
    assert all(len({assigned[patient] for patient in group}) == 1 for group in copies)
    counts = Counter(assigned.values())
    assert all(abs(counts[split] - 97 * share) <= 3 for split, share in zip(SPLITS, FRACTIONS, strict=True))
    earlier = {patients[50]: "test", patients[8]: "val"}
    later = assign_patients(replace(cohort, copies=copies), FRACTIONS, seed, earlier)
    assert [later[patients[index]] for index in (0, 1, 50, 7, 8)] == ["test"] * 3 + ["val"] * 2
    with pytest.raises(PreprocessError, match="hold the same scan but are in different splits"):
        assign_patients(replace(cohort, copies=copies), FRACTIONS, seed, {patients[0]: "train", patients[1]: "test"})


def test_what_a_wrong_split_file_says_of_somebody_is_not_repeated(tmp_path: Path) -> None:
    path = tmp_path / "splits.csv"
    path.write_text("patient,study,split\n" + ",".join((*KEYS[0], "Smith^John")) + "\n")
    with pytest.raises(PreprocessError) as found:
        read_splits(path)
    assert "Smith" not in str(found.value)
