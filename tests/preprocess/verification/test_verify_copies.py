"""Copies of a study under other keys, in other stores and across splits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from preprocess.store.study import Study
from preprocess.store.study_file import study_path, write_study
from tests.support.verified_stores import KEYS, keyed_study, problems_table, run_verify, splits_file, write_tables


def copy_as(store: Path, original: Study, number: int, change: Callable[[Any], Any] = lambda pixels: pixels) -> Study:
    views = {view: replace(stack, pixels=change(stack.pixels)) for view, stack in original.views.items()}
    copied = replace(original, patient=f"{number:016x}", study=f"{number + 500:016x}", views=views)
    write_study(store, copied)
    write_tables(store)
    return copied


def pairs(store: Path) -> pd.DataFrame:
    return pd.read_csv(store / "duplicates.csv", dtype=str, keep_default_na=False)


def test_exact_and_near_copies_under_other_patients_are_listed_and_leakage_fails(store: Path, tmp_path: Path) -> None:
    exact = copy_as(store, keyed_study(0), 50)
    near = copy_as(
        store, keyed_study(1), 60, lambda pixels: (pixels // 2 + 9) * (pixels.any(axis=(2, 3), keepdims=True))
    )
    assert run_verify("--store", store) == 0, "copies are no damage"
    table = pairs(store)
    assert list(zip(table["study_a"], table["study_b"], table["kind"], strict=True)) == [
        (KEYS[0][1], exact.study, "exact"),
        (KEYS[1][1], near.study, "near"),
    ]
    assert list(table["n_clips"]) == ["5", "5"]
    together = splits_file(tmp_path / "splits.csv", store, {KEYS[2][0]: "test"})
    assert run_verify("--store", store, "--splits", together) == 0
    apart = splits_file(tmp_path / "splits.csv", store, {near.patient: "test"})
    assert run_verify("--store", store, "--splits", apart) == 1
    assert list(pairs(store)["leakage"]) == ["0", "1"]
    assert list(pairs(store)["split_b"]) == ["train", "test"]


def test_two_studies_of_one_patient_are_flagged_and_no_failure(store: Path) -> None:
    write_study(store, replace(keyed_study(0), study="ab" * 8))
    write_tables(store)
    assert run_verify("--store", store) == 0
    assert list(pairs(store)["same_patient"]) == ["1"]


def test_copies_are_found_across_stores_and_both_are_checked(store: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    copied = copy_as(other, keyed_study(2), 70)
    with h5py.File(study_path(other, copied.patient, copied.study), "a") as file:
        file.attrs["sex"] = "x"
    assert run_verify("--store", store, "--other", other, "--out", tmp_path / "out") == 1
    (row,) = pairs(tmp_path / "out").to_dict("records")
    assert (row["store_a"], row["study_a"], row["store_b"], row["study_b"]) == ("1", KEYS[2][1], "2", copied.study)
    assert set(problems_table(tmp_path / "out")["store"]) == {"2"}
    assert not (store / "verification.csv").exists()


def test_equal_blank_clips_are_no_copies(store: Path) -> None:
    for number in (80, 81):
        copy_as(store, keyed_study(0), number, np.zeros_like)
    assert run_verify("--store", store) == 0
    assert pairs(store).empty
