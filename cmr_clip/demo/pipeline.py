"""The demo from end to end: run the steps, check the numbers, write summary and report."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from cmr_clip.demo.plan import DemoPlan, demo_steps
from cmr_clip.demo.report import write_demo_report
from cmr_clip.demo.runner import run_steps
from cmr_clip.demo.summary import summarise
from cmr_clip.errors import CmrClipError
from preprocess.commands.console import console
from preprocess.system.files import write_text

__all__ = ["run_demo"]

_SMALLEST = 20


def run_demo(plan: DemoPlan) -> int:
    """Run everything.

    Returns:
        0, or 1 when a check of the full-scale demo failed.

    Raises:
        CmrClipError: too few patients, no such folder of real studies, or a step failed.
    """
    if plan.patients < _SMALLEST:
        raise CmrClipError(f"--patients is {plan.patients}", f"the splits need at least {_SMALLEST}")
    if plan.real is not None and not plan.real.exists():
        raise CmrClipError("the folder given with --real does not exist", "give the path of a folder of DICOM files")
    # A key that follows from the seed, so that everybody gets the same splits; simulated people need no secret.
    write_text(plan.key, hashlib.sha256(f"cmr-clip demo {plan.seed}".encode()).hexdigest() + "\n", mode=0o600)
    steps = demo_steps(plan)
    seconds = run_steps(steps, plan.run)
    summary = summarise(plan, steps, seconds)
    path = plan.run / "summary.json"
    write_text(path, json.dumps(summary, indent=2, allow_nan=False) + "\n")
    report = write_demo_report(summary, plan.run)
    _tell(summary)
    say = console().print
    say(f"\nwrote {path}\nwrote {report}\nopen {report} in a browser, then {plan.run}/map/explorer.html")
    failed = [name for name, passed in summary["checks"].items() if not passed]
    if failed and plan.full_scale:
        say(f"[bold]not reached: {'; '.join(failed)}[/bold]", markup=True)
        return 1
    return 0


def _tell(summary: dict[str, Any]) -> None:

    def shown(part: str, name: str, digits: int) -> str:
        value = summary[part].get(name)
        return "not defined" if value is None else f"{value:.{digits}f}"

    say = console().print
    minutes = sum(summary["seconds"].values()) / 60
    say(f"\n{summary['n_studies']} studies, {summary['n_clips']} clips, {minutes:.1f} minutes in all")
    say(
        f"retrieval of {shown('retrieval', 'n', 0)} held-out studies: R@5 {shown('retrieval', 'r_at_5', 2)} "
        f"(chance {shown('retrieval', 'chance_at_5', 2)}), R@1 {shown('retrieval', 'r_at_1', 2)} "
        f"(chance {shown('retrieval', 'chance_at_1', 2)})"
    )
    say(
        f"LVEF error on held-out patients: {shown('lvef', 'mae_pretrained', 1)} points pretrained, "
        f"{shown('lvef', 'mae_baseline', 1)} without pretraining, "
        f"{shown('lvef', 'mae_mean_predictor', 1)} predicting the mean"
    )
