"""Which patients train and which are held out: a patient is in one split only, the same for the same seed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from preprocess.errors import PreprocessError
from preprocess.labels.splits import SPLITS, read_splits
from preprocess.labels.table import read_labels
from preprocess.system.files import write_text
from preprocess.system.tables import csv_text, read_rows
from preprocess.verification.duplicates import duplicate_groups

__all__ = [
    "Cohort",
    "assign_patients",
    "earlier_splits",
    "patient_strata",
    "read_copies",
    "read_stratum",
    "split_table",
    "write_splits",
]

_BINS = 5


@dataclass(frozen=True)
class Cohort:
    """Patients, their studies, and what to balance between the splits.

    Attributes:
        studies: patient to studies, both sorted.
        strata: patient to stratum; patients without one are balanced among themselves.
        copies: sets of patients who hold the same scan and hence go to the same split, see `read_copies`.
    """

    studies: Mapping[str, Sequence[str]]
    strata: Mapping[str, str] = field(default_factory=dict)
    copies: Sequence[Sequence[str]] = ()

    @classmethod
    def of(cls, keys: Iterable[tuple[str, str]], labels: pd.Series | None = None) -> Cohort:
        """The cohort of (patient, study) keys, stratified by the labels of their studies if given."""
        studies: dict[str, list[str]] = {}
        for patient, study in sorted(keys):
            studies.setdefault(patient, []).append(study)
        if not studies:
            raise PreprocessError("the store holds no study", "make one with cmr-preprocess convert")
        return cls(studies, {} if labels is None else patient_strata(studies, labels))


def patient_strata(studies: Mapping[str, Sequence[str]], labels: pd.Series) -> dict[str, str]:
    """The stratum of each patient, from the first of its studies that has a label.

    Args:
        studies: patient to studies.
        labels: by study; numbers of more than five values go by quantile, all else by value.
    """
    known = labels.dropna()
    if pd.api.types.is_numeric_dtype(known) and known.nunique() > _BINS:
        known = pd.qcut(known, _BINS, labels=False, duplicates="drop")
    values = {str(study): str(value) for study, value in known.items()}
    first = {patient: next((values[study] for study in own if study in values), "") for patient, own in studies.items()}
    return {patient: stratum for patient, stratum in first.items() if stratum}


def assign_patients(
    cohort: Cohort, fractions: Sequence[float], seed: int, earlier: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Assign each patient to train, val or test.

    Within each stratum the patients come in random order, and each goes to the split that lacks most of its share;
    so every split has its share of each stratum, and of the whole to within one patient.

    Args:
        cohort: the patients; their order does not matter.
        fractions: of the patients in train, val and test.
        seed: the same seed gives the same splits.
        earlier: assignments that stay as they are.

    Returns:
        Patient to split.

    Raises:
        PreprocessError: fractions that do not sum to 1, or a split that would be empty.
    """
    shares = _shares(fractions)
    assigned = {patient: split for patient, split in (earlier or {}).items() if patient in cohort.studies}
    same = _same_person(cohort, assigned)
    counts = np.array([sum(own == split for own in assigned.values()) for split in SPLITS], dtype=float)
    for patient in _in_strata(cohort, seed):
        if patient not in assigned:
            group = [one for one in same.get(patient, (patient,)) if one not in assigned]
            lack = shares * (counts.sum() + len(group)) - counts
            settled = [SPLITS.index(assigned[one]) for one in same.get(patient, ()) if one in assigned]
            index = settled[0] if settled else int(np.argmax(lack))
            assigned.update(dict.fromkeys(group, SPLITS[index]))
            counts[index] += len(group)
    for split, count, share in zip(SPLITS, counts, shares, strict=True):
        if not count:
            raise PreprocessError(
                f"{split} would hold no patient: {share:g} of {len(assigned)} patients",
                "give it a larger fraction",
            )
    return assigned


def _same_person(cohort: Cohort, assigned: Mapping[str, str]) -> dict[str, Sequence[str]]:
    """Patient to the patients who hold the same scan; those assigned before must agree."""
    for group in cohort.copies:
        if len({assigned[patient] for patient in group if patient in assigned}) > 1:
            raise PreprocessError(
                f"patients {', '.join(group)} hold the same scan but are in different splits already",
                "remove one of them from the store, or make new splits without --extend",
            )
    return {patient: group for group in cohort.copies for patient in group}


def read_copies(path: Path, patients: Iterable[str]) -> list[list[str]]:
    """Sets of patients who hold the same scan.

    Args:
        path: `duplicates.csv` of `cmr-preprocess verify`.
        patients: those of the store; others are left out.
    """
    held = set(patients)
    rows = read_rows(path, ["patient_a", "patient_b"])
    pairs = [(row["patient_a"], row["patient_b"]) for row in rows]
    return duplicate_groups((a, b) for a, b in pairs if a != b and {a, b} <= held)


def _shares(fractions: Sequence[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    values = np.asarray(fractions, dtype=np.float64)
    text = " ".join(f"{value:g}" for value in fractions)
    if not np.isfinite(values).all() or abs(values.sum() - 1) > 1e-6:
        raise PreprocessError(f"the fractions {text} do not sum to 1", "for example --fractions 0.6 0.1 0.3")
    if (values <= 0).any():
        raise PreprocessError(f"the fractions {text} leave a split empty", "each needs a positive fraction")
    return values


def _in_strata(cohort: Cohort, seed: int) -> list[str]:
    """Patients in random order, stratum after stratum (the strata in random order too)."""
    generator = np.random.default_rng(seed)
    strata: dict[str, list[str]] = {}
    for patient in sorted(cohort.studies):
        strata.setdefault(cohort.strata.get(patient, ""), []).append(patient)
    names = sorted(strata)
    order = [names[index] for index in generator.permutation(len(names))]
    return [strata[name][index] for name in order for index in generator.permutation(len(strata[name]))]


def read_stratum(source: str) -> pd.Series:
    """The column that `FILE:COLUMN` names in a label file, by study."""
    path, colon, column = source.rpartition(":")
    if not (path and colon and column):
        raise PreprocessError(f"--stratify {source} names no column", "write it as labels.csv:column")
    labels = read_labels(Path(path))
    if column not in labels.columns:
        raise PreprocessError(f"{path} has no column {column}", f"its targets are: {', '.join(labels.columns)}")
    return labels[column]


def earlier_splits(path: Path) -> dict[str, str]:
    """Patient to split, of an existing split file."""
    frame = read_splits(path)
    return dict(zip(frame["patient"], frame["split"], strict=True))


def split_table(cohort: Cohort, assigned: Mapping[str, str]) -> str:
    """The split file as text, sorted by patient and study."""
    rows = ((patient, study, assigned[patient]) for patient, own in cohort.studies.items() for study in own)
    return csv_text(("patient", "study", "split"), rows)


def write_splits(path: Path, text: str, *, overwrite: bool) -> bool:
    """Write a split file; an existing one with other splits needs `overwrite`.

    Returns:
        Whether the file changed.
    """
    if path.is_file():
        if path.read_bytes() == text.encode():
            return False
        if not overwrite:
            raise PreprocessError(
                f"{path} exists and holds other splits", "give --overwrite to replace it, or --extend to add to it"
            )
    write_text(path, text)
    return True
