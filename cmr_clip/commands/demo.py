"""Run the whole pipeline on a simulated cohort: DICOM to a map of hearts.

Every step is a public command, printed before it runs. Finished steps are skipped when the demo is run again, an
interrupted one goes on. Ends with summary.json (every number) and report.html (what a person wants to see).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from preprocess.commands.console import console


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
    from cmr_clip.demo import DemoPlan, run_demo

    folder = args.out or Path("runs/demo" if args.patients == 96 else f"runs/demo-{args.patients}")
    plan = DemoPlan(run=folder, patients=args.patients, seed=args.seed, real=args.real)
    say = console().print
    done = run_demo(plan, lambda line: say(line, markup=False))
    for line in _numbers(done.summary):
        say(line)
    say(f"\nwrote {done.summary_file}\nwrote {done.report}\nopen {done.report} in a browser, then {done.explorer}")
    if done.not_reached:
        say(f"[bold]not reached: {'; '.join(done.not_reached)}[/bold]", markup=True)
    return 1 if done.not_reached else 0


def _numbers(summary: dict[str, Any]) -> list[str]:

    def shown(part: str, name: str, digits: int) -> str:
        value = summary[part].get(name)
        return "not defined" if value is None else f"{value:.{digits}f}"

    minutes = sum(summary["seconds"].values()) / 60
    return [
        f"\n{summary['n_studies']} studies, {summary['n_clips']} clips, {minutes:.1f} minutes in all",
        f"retrieval of {shown('retrieval', 'n', 0)} held-out studies: R@5 {shown('retrieval', 'r_at_5', 2)} "
        f"(chance {shown('retrieval', 'chance_at_5', 2)}), R@1 {shown('retrieval', 'r_at_1', 2)} "
        f"(chance {shown('retrieval', 'chance_at_1', 2)})",
        f"LVEF error on held-out patients: {shown('lvef', 'mae_pretrained', 1)} points pretrained, "
        f"{shown('lvef', 'mae_baseline', 1)} without pretraining, "
        f"{shown('lvef', 'mae_mean_predictor', 1)} predicting the mean",
    ]
