"""The demo from end to end: run the steps, check the numbers, write summary and report."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cmr_clip.demo.plan import DemoPlan, demo_steps
from cmr_clip.demo.report import write_demo_report
from cmr_clip.demo.runner import run_steps
from cmr_clip.demo.summary import summarise
from cmr_clip.errors import CmrClipError
from preprocess.system.files import write_text

__all__ = ["DemoResult", "run_demo"]

_SMALLEST = 20


@dataclass(frozen=True)
class DemoResult:
    """What a demo came to.

    Attributes:
        summary: every number, as written.
        summary_file: `summary.json`.
        report: the page of the run.
        explorer: the page of the map.
        not_reached: what a demo of full size should reach and did not; nothing for other sizes.
    """

    summary: dict[str, Any]
    summary_file: Path
    report: Path
    explorer: Path
    not_reached: tuple[str, ...]


def run_demo(plan: DemoPlan, tell: Callable[[str], None] = lambda line: None) -> DemoResult:
    """Run everything; steps print what the commands that they are print.

    Args:
        plan: folder, size, seed, and real studies if any.
        tell: hears the title and the command of each step.

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
    seconds = run_steps(steps, plan.run, tell)
    summary = summarise(plan, steps, seconds)
    file = plan.run / "summary.json"
    write_text(file, json.dumps(summary, indent=2, allow_nan=False) + "\n")
    failed = [name for name, passed in summary["checks"].items() if not passed] if plan.full_scale else []
    report = write_demo_report(summary, plan.run)
    return DemoResult(summary, file, report, plan.run / "map" / "explorer.html", tuple(failed))
