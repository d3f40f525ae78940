"""Run the whole pipeline on a simulated cohort: DICOM to a map of hearts.

Every step is a public command, printed before it runs. Finished steps are skipped when the demo is run again, an
interrupted one goes on. Ends with summary.json (every number) and report.html (what a person wants to see).
"""

from __future__ import annotations

import argparse
from pathlib import Path


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--patients", type=int, default=96, help="simulated patients (default: 96)")
    parser.add_argument("--seed", type=int, default=7, help="of the simulation and the splits (default: 7)")
    parser.add_argument("--real", type=Path, help="folder of real DICOM to predict and place on the map")
    parser.add_argument(
        "--out",
        type=Path,
        help="folder to write (default: runs/demo, or runs/demo-N for another number of patients)",
    )


def run(args: argparse.Namespace) -> int:
    """Run the steps, then write the summary and the report."""
    from cmr_clip.demo.pipeline import run_demo
    from cmr_clip.demo.plan import DemoPlan

    folder = args.out or Path("runs/demo" if args.patients == 96 else f"runs/demo-{args.patients}")
    return run_demo(DemoPlan(run=folder, patients=args.patients, seed=args.seed, real=args.real))
