"""A whole cohort on disk, drawn by several processes, resumable, and the same for any number of them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain
from multiprocessing import get_context
from pathlib import Path
from typing import TypeAlias

import pandas as pd

from preprocess.errors import PreprocessError
from preprocess.phantom.patients import sample_patient
from preprocess.phantom.reporting.wording import write_report
from preprocess.phantom.scanner.examination import archive_name, write_examination
from preprocess.phantom.truth import Truth, series_rows
from preprocess.system.files import write_text

__all__ = ["PHANTOM_VERSION", "CohortSummary", "simulate_cohort"]

PHANTOM_VERSION = 1  # raise it when the same seed gives other pictures or words
_PARAMETERS = "simulation.json"

Row: TypeAlias = Mapping[str, str | int | float]


@dataclass(frozen=True)
class CohortSummary:
    """What a simulation left on disk; `n_written` of the archives are new, the others were there."""

    n_patients: int
    n_studies: int
    n_written: int
    folder: Path


@dataclass(frozen=True)
class _PatientRows:
    """The table rows of one patient."""

    reports: list[Row]
    truth: list[Row]
    series: list[Row]
    n_written: int


def simulate_cohort(
    out: Path,
    n_patients: int,
    seed: int,
    workers: int | None = None,
    advance: Callable[[], object] = lambda: None,
) -> CohortSummary:
    """Write `dicom/*.tgz`, `reports.csv`, `truth.csv` and `truth_series.csv`.

    Archives that are already there are kept, so that an interrupted run goes on where it stopped.

    Args:
        out: Folder of the cohort; made if need be.
        n_patients: How many patients; the first ones are the same for any number.
        seed: Chooses the cohort.
        workers: Processes; the number of processors by default. One runs in this process.
        advance: Called after each patient.

    Raises:
        PreprocessError: The folder holds another cohort, or an argument makes no sense.
    """
    if n_patients < 1:
        raise PreprocessError(f"a cohort of {n_patients} patients is empty", "use --patients 1 or more")
    if seed < 0:
        raise PreprocessError(f"the seed {seed} is negative", "use 0 or more")
    if workers is not None and workers < 1:
        raise PreprocessError(f"{workers} workers can't do anything", "use --workers 1 or more")
    _claim(out, n_patients, seed)
    (out / "dicom").mkdir(exist_ok=True)
    patients: list[_PatientRows] = []
    for rows in _run(partial(_simulate_patient, out / "dicom", seed), n_patients, workers):
        patients.append(rows)
        advance()
    reports = list(chain.from_iterable(patient.reports for patient in patients))
    _write_table(out / "reports.csv", reports)
    _write_table(out / "truth.csv", list(chain.from_iterable(patient.truth for patient in patients)))
    _write_table(out / "truth_series.csv", list(chain.from_iterable(patient.series for patient in patients)))
    return CohortSummary(n_patients, len(reports), sum(patient.n_written for patient in patients), out)


def _run(task: Callable[[int], _PatientRows], n_patients: int, workers: int | None) -> Iterator[_PatientRows]:
    """Results in the order of the patients."""
    n_workers = min(workers or os.cpu_count() or 1, n_patients)
    if n_workers == 1:
        yield from map(task, range(n_patients))
        return
    with ProcessPoolExecutor(n_workers, mp_context=get_context("spawn")) as pool:
        try:
            yield from pool.map(task, range(n_patients))
        finally:
            pool.shutdown(cancel_futures=True)


def _simulate_patient(folder: Path, seed: int, index: int) -> _PatientRows:
    """Write what is missing of one patient; the rows are made anew, which is cheap."""
    patient = sample_patient(seed, index)
    missing = [study for study in patient.studies if not (folder / archive_name(patient, study)).exists()]
    for study in missing:
        write_examination(patient, study, folder)
    truths = [Truth(patient, study) for study in patient.studies]
    return _PatientRows(
        reports=[
            {"patient_id": patient.patient_id, "accession": truth.study.accession, "report": write_report(truth)}
            for truth in truths
        ],
        truth=[truth.row() for truth in truths],
        series=[row for study in patient.studies for row in series_rows(patient, study)],
        n_written=len(missing),
    )


def _claim(out: Path, n_patients: int, seed: int) -> None:
    """Take the folder for this cohort, or refuse one that holds another."""
    path = out / _PARAMETERS
    wanted = {"seed": seed, "patients": n_patients, "phantom_version": PHANTOM_VERSION}
    if path.exists():
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except json.JSONDecodeError as error:
            raise PreprocessError(f"{path} is damaged", "delete the folder and simulate again") from error
        if not isinstance(found, dict):
            raise PreprocessError(f"{path} is damaged", "delete the folder and simulate again")
        for name in ("seed", "phantom_version"):
            if found.get(name) != wanted[name]:
                problem = f"{out} holds a cohort with {name} {found.get(name)}, not {wanted[name]}"
                raise PreprocessError(problem, "choose another --out or delete that folder")
        before = found.get("patients")
        if isinstance(before, int) and before > n_patients:
            raise PreprocessError(
                f"{out} holds a cohort of {before} patients, more than {n_patients}",
                "choose another --out or delete that folder",
            )
    elif out.exists() and any((out / "dicom").glob("*")):
        raise PreprocessError(f"{out} holds archives that no simulation wrote", "choose another --out")
    out.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(wanted, indent=2) + "\n")


def _write_table(path: Path, rows: Sequence[Row]) -> None:
    """A UTF-8 CSV with one column per key, written under a temporary name."""
    write_text(path, pd.DataFrame(list(rows)).to_csv(index=False, lineterminator="\n"))
