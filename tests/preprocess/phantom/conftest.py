"""A small simulated cohort that all tests of this folder share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from preprocess.phantom import PhantomPatient, sample_patient, simulate_cohort

SEED = 11
N_PATIENTS = 3  # one of each vendor


@dataclass(frozen=True)
class Cohort:
    """What a small simulation left on disk."""

    folder: Path
    seed: int
    n_patients: int
    reports: pd.DataFrame
    truth: pd.DataFrame
    series: pd.DataFrame


@pytest.fixture(scope="session")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    folder = tmp_path_factory.mktemp("phantom") / "raw"
    simulate_cohort(folder, N_PATIENTS, SEED, workers=1)
    tables = (pd.read_csv(folder / f"{name}.csv") for name in ("reports", "truth", "truth_series"))
    return Cohort(folder, SEED, N_PATIENTS, *tables)


@pytest.fixture(scope="session")
def patients() -> dict[str, PhantomPatient]:
    """The first patient of each phenotype."""
    found: dict[str, PhantomPatient] = {}
    for index in range(10):
        patient = sample_patient(SEED, index)
        found[patient.phenotype.name] = patient
    return found
