"""Which patients train and which are held out: a patient is in one split only, the same for the same seed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from preprocess.errors import PreprocessError
from preprocess.labels.splits import SPLITS, patient_splits, read_splits, write_splits
from preprocess.store.study_file import studies_in

__all__ = ["AssignedSplits", "Patients", "assign_patients", "assign_splits", "patient_strata", "split_rows"]

_BINS = 5


@dataclass(frozen=True)
class Patients:
    """Patients, their studies, and what to balance between the splits.

    Attributes:
        studies: patient to studies, both sorted.
        strata: patient to stratum; patients without one are balanced among themselves.
        copies: sets of patients who hold the same scan and hence go to the same split.
    """

    studies: Mapping[str, Sequence[str]]
    strata: Mapping[str, str] = field(default_factory=dict)
    copies: Sequence[Sequence[str]] = ()

    @classmethod
    def of(cls, keys: Iterable[tuple[str, str]], labels: pd.Series[Any] | None = None) -> Patients:
        """The patients of (patient, study) keys, stratified by the labels of their studies if given.

        Raises:
            PreprocessError: there are none.
        """
        studies: dict[str, list[str]] = {}
        for patient, study in sorted(keys):
            studies.setdefault(patient, []).append(study)
        if not studies:
            raise PreprocessError("the store holds no study", "make one with cmr-preprocess convert")
        return cls(studies, {} if labels is None else patient_strata(studies, labels))

    def sharing_a_scan(self, assigned: Mapping[str, str]) -> dict[str, Sequence[str]]:
        """Patient to the patients who hold the same scan; those in a split already must agree.

        Args:
            assigned: patient to split.

        Raises:
            PreprocessError: they do not.
        """
        for group in self.copies:
            if len({assigned[patient] for patient in group if patient in assigned}) > 1:
                raise PreprocessError(
                    f"patients {', '.join(group)} hold the same scan but are in different splits already",
                    "remove one of them from the store, or make new splits without --extend",
                )
        return {patient: group for group in self.copies for patient in group}

    def shuffled(self, seed: int) -> list[str]:
        """The patients in random order, stratum after stratum (the strata in random order too)."""
        generator = np.random.default_rng(seed)
        strata: dict[str, list[str]] = {}
        for patient in sorted(self.studies):
            strata.setdefault(self.strata.get(patient, ""), []).append(patient)
        names = sorted(strata)
        order = [names[index] for index in generator.permutation(len(names))]
        return [strata[name][index] for name in order for index in generator.permutation(len(strata[name]))]


@dataclass(frozen=True)
class AssignedSplits:
    """What `assign_splits` decided and wrote.

    Attributes:
        n_patients: split to its number of patients.
        n_studies: split to its number of studies.
        n_kept: patients who stay where the extended file has them.
        n_gone: patients of that file who are not in the store.
        n_copies: sets of patients with the same scan, kept together.
        n_without_label: patients without a value of the label that is balanced.
        has_changed: whether the file was written; False where it was there already.
    """

    n_patients: Mapping[str, int]
    n_studies: Mapping[str, int]
    n_kept: int
    n_gone: int
    n_copies: int
    n_without_label: int
    has_changed: bool


def assign_splits(
    store: Path,
    out: Path,
    *,
    fractions: Sequence[float],
    seed: int,
    labels: pd.Series[Any] | None = None,
    copies: Sequence[Sequence[str]] = (),
    extend: Path | None = None,
    overwrite: bool = False,
) -> AssignedSplits:
    """Divide the patients of a store into train, val and test, and write the split file.

    Args:
        store: the study store.
        out: CSV file to write.
        fractions: of the patients in train, val and test.
        seed: the same seed gives the same splits.
        labels: by study, to be balanced between the splits.
        copies: sets of patients of the store who hold the same scan.
        extend: split file whose assignments stay; it may be replaced if it is `out`.
        overwrite: whether other splits in the place of `out` may be replaced.

    Raises:
        PreprocessError: no store, impossible fractions, or other splits that may not be replaced.
    """
    patients = replace(Patients.of(studies_in(store), labels), copies=copies)
    earlier = patient_splits(read_splits(extend)) if extend else {}
    assigned = assign_patients(patients, fractions, seed, earlier)
    is_extended = extend is not None and out.resolve() == extend.resolve()
    has_changed = write_splits(out, split_rows(patients, assigned), overwrite=overwrite or is_extended)
    members = {split: [patient for patient, own in assigned.items() if own == split] for split in SPLITS}
    n_kept = sum(patient in patients.studies for patient in earlier)
    return AssignedSplits(
        n_patients={split: len(own) for split, own in members.items()},
        n_studies={split: sum(len(patients.studies[patient]) for patient in own) for split, own in members.items()},
        n_kept=n_kept,
        n_gone=len(earlier) - n_kept,
        n_copies=len(copies),
        n_without_label=len(patients.studies) - len(patients.strata),
        has_changed=has_changed,
    )


def patient_strata(studies: Mapping[str, Sequence[str]], labels: pd.Series[Any]) -> dict[str, str]:
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
    patients: Patients, fractions: Sequence[float], seed: int, earlier: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Assign each patient to train, val or test.

    Within each stratum the patients come in random order, and each goes to the split that lacks most of its share;
    so every split has its share of each stratum, and of the whole to within one patient.

    Args:
        patients: their order does not matter.
        fractions: of the patients in train, val and test.
        seed: the same seed gives the same splits.
        earlier: assignments that stay as they are.

    Returns:
        Patient to split.

    Raises:
        PreprocessError: fractions that do not sum to 1, or a split that would be empty.
    """
    shares = _shares(fractions)
    assigned = {patient: split for patient, split in (earlier or {}).items() if patient in patients.studies}
    groups = patients.sharing_a_scan(assigned)
    counts = np.array([list(assigned.values()).count(split) for split in SPLITS], dtype=float)
    for patient in patients.shuffled(seed):
        if patient in assigned:
            continue
        group = groups.get(patient, (patient,))
        settled = [assigned[member] for member in group if member in assigned]
        new = [member for member in group if member not in assigned]
        lack = shares * (counts.sum() + len(new)) - counts
        index = SPLITS.index(settled[0]) if settled else int(np.argmax(lack))
        assigned.update(dict.fromkeys(new, SPLITS[index]))
        counts[index] += len(new)
    if not counts.all():
        empty = int(np.argmin(counts))
        raise PreprocessError(
            f"{SPLITS[empty]} would hold no patient: {shares[empty]:g} of {len(assigned)} patients",
            "give it a larger fraction",
        )
    return assigned


def _shares(fractions: Sequence[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    values = np.asarray(fractions, dtype=np.float64)
    text = " ".join(f"{value:g}" for value in fractions)
    if not np.isfinite(values).all() or abs(values.sum() - 1) > 1e-6:
        raise PreprocessError(f"the fractions {text} do not sum to 1", "for example --fractions 0.6 0.1 0.3")
    if (values <= 0).any():
        raise PreprocessError(f"the fractions {text} leave a split empty", "each needs a positive fraction")
    return values


def split_rows(patients: Patients, assigned: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Patient, study and split, sorted by patient and study."""
    return [(patient, study, assigned[patient]) for patient, own in patients.studies.items() for study in own]
