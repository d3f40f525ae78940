"""`cmr-preprocess simulate`: a simulated cohort as a hospital would hand it over."""

from __future__ import annotations

import argparse
from pathlib import Path

from preprocess.commands.console import console, progress_bar
from preprocess.phantom.cohort import simulate_cohort

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.description = (
        "Simulate cardiac MRI studies of ten kinds of hearts from three fictional hospitals. Writes one .tgz of "
        "DICOM per study, reports.csv, and apart from them truth.csv and truth_series.csv for checking. "
        "The same seed gives the same cohort; a second run goes on where an interrupted one stopped."
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the cohort, for instance runs/demo/raw")
    parser.add_argument("--patients", type=int, default=96, help="number of patients (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=7, help="chooses the cohort (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=None, help="processes (default: one per processor)")


def run(args: argparse.Namespace) -> int:
    """Simulate, then say what was written and what to do next."""
    with progress_bar() as progress:
        task = progress.add_task("Simulating patients", total=args.patients)
        summary = simulate_cohort(
            args.out, args.patients, args.seed, args.workers, advance=lambda: progress.advance(task)
        )
    dicom = summary.folder / "dicom"
    kept = summary.n_studies - summary.n_written
    already = f" ({kept} were already there)" if kept else ""
    console().print(f"{summary.n_studies} studies of {summary.n_patients} patients in {dicom}{already}")
    console().print(f"reports in {summary.folder / 'reports.csv'}, truth in {summary.folder / 'truth.csv'}")
    store = summary.folder.parent / "store"
    console().print(f"Next: cmr-preprocess convert --input {dicom} --out {store}")
    return 0
