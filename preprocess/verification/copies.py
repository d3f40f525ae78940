"""Duplicate studies of checked stores as a table, and those that leak between splits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from preprocess.labels.splits import read_splits, study_splits
from preprocess.store.manifest import ClipColumn
from preprocess.store.views import View
from preprocess.system.files import write_text
from preprocess.system.tables import csv_text, read_rows
from preprocess.verification.duplicates import Clips, duplicate_groups, find_duplicates
from preprocess.verification.places import unusual_places
from preprocess.verification.store_check import StoreCheck

__all__ = ["COLUMNS", "KIND", "LEAKAGE", "SAME_PATIENT", "copies", "mark_leakage", "read_copies", "write_copies"]

KIND, SAME_PATIENT, LEAKAGE = "kind", "same_patient", "leakage"
COLUMNS = (
    "store_a",
    "patient_a",
    "study_a",
    "store_b",
    "patient_b",
    "study_b",
    KIND,
    "n_clips",
    "distance",
    SAME_PATIENT,
    "split_a",
    "split_b",
    LEAKAGE,
)


def copies(stores: Sequence[StoreCheck]) -> pd.DataFrame:
    """Pairs of studies of all stores that hold the same scan: the columns `COLUMNS`, splits still empty."""
    tables = [store.clips.assign(store=number) for number, store in enumerate(stores, start=1)]
    clips = pd.concat(tables, ignore_index=True)
    clips["number"] = clips.groupby(["store", ClipColumn.PATIENT, ClipColumn.STUDY], sort=True).ngroup()
    views = {view.value: number for number, view in enumerate(View)}
    study, view = clips["number"].to_numpy(np.int64), clips[ClipColumn.VIEW].map(views).to_numpy(np.int64)
    normal = clips[["normal_x", "normal_y", "normal_z"]].to_numpy(np.float64)
    position = clips["position"].to_numpy(np.float64)
    columns = Clips(
        study=study,
        view=view,
        index=clips[ClipColumn.SLICE].to_numpy(np.int64),
        position=position,
        normal=normal,
        words=np.concatenate([store.words for store in stores]),
        is_valid=np.concatenate([store.is_valid for store in stores]),
        sha256=np.where(clips["is_even"], "", clips[ClipColumn.SHA256].to_numpy(str)).astype(str),
        is_placed=unusual_places(normal, position, view, study),
    )
    studies = clips.drop_duplicates("number").set_index("number")
    rows = []
    for pair in find_duplicates(columns):
        a, b = studies.loc[pair.a], studies.loc[pair.b]
        of_both = [side[name] for side in (a, b) for name in ("store", "patient", "study")]
        same = a[ClipColumn.PATIENT] == b[ClipColumn.PATIENT]
        rows.append([*of_both, pair.kind, pair.n_clips, pair.distance, int(same), "", "", 0])
    table: pd.DataFrame = pd.DataFrame(rows, columns=list(COLUMNS))
    return table


def mark_leakage(pairs: pd.DataFrame, splits: Path) -> pd.DataFrame:
    """Fill in the splits of each pair; it leaks if they differ.

    Raises:
        PreprocessError: not a split file.
    """
    split = study_splits(read_splits(splits))
    marked: pd.DataFrame = pairs.copy()
    for side in ("a", "b"):
        marked[f"split_{side}"] = [split.get(study, "") for study in pairs[f"study_{side}"]]
    known = (marked["split_a"] != "") & (marked["split_b"] != "")
    marked["leakage"] = (known & (marked["split_a"] != marked["split_b"])).astype(int)
    return marked


def write_copies(path: Path, pairs: pd.DataFrame) -> None:
    """Write `duplicates.csv`; a header alone where there are none."""
    write_text(path, csv_text(COLUMNS, pairs[list(COLUMNS)].itertuples(index=False)))


def read_copies(path: Path, patients: Iterable[str]) -> list[list[str]]:
    """Sets of patients who hold the same scan.

    Args:
        path: `duplicates.csv` of `cmr-preprocess verify`.
        patients: those of the store; others are left out.

    Raises:
        PreprocessError: no such table.
    """
    held = set(patients)
    rows = read_rows(path, ["patient_a", "patient_b"])
    pairs = [(row["patient_a"], row["patient_b"]) for row in rows]
    return duplicate_groups((a, b) for a, b in pairs if a != b and {a, b} <= held)
