"""Check a run before its job is queued: everything that would stop it, in one go.

Looks at the configuration, the run's folder, the data (store, splits, reports or labels, a clip of each view), the
weights and the checkpoint to go on from; then trains a step with one study and a step with two on this machine's CPU
and estimates from them the memory that the run takes on a GPU. Takes the arguments of cmr-clip fit:

  cmr-clip check --config FILE.yaml [--model.… --data.… --trainer.…]
"""

from __future__ import annotations

import argparse
import shlex

from rich.markup import escape

from preprocess.commands.console import console
from preprocess.commands.registry import LazyCommand

_COLOURS = {"ok": "green", "note": "yellow", "failed": "red"}


def configure(parser: LazyCommand) -> None:
    """Declare the options; every other one is an argument of `fit`."""
    parser.usage = "cmr-clip check --config FILE [--gpu-memory-gb GB] [arguments of cmr-clip fit]"
    parser.allow_abbrev = False
    parser.add_argument(
        "--gpu-memory-gb", type=float, help="memory of the GPU that the job will run on (default: that of the one here)"
    )
    parser.rest = "fit_arguments"


def run(args: argparse.Namespace) -> int:
    """Check, print a table and what to do next."""
    from cmr_clip.preflight.checklist import check_run

    findings = check_run(args.fit_arguments, args.gpu_memory_gb)
    say = console().print
    width = max(len(finding.check) for finding in findings)
    for finding in findings:
        colour = _COLOURS[finding.status]
        say(f"[{colour}]{finding.status:6}[/]  {finding.check:{width}}  {escape(finding.detail)}")
        if finding.remedy:
            say(f"{'':{width + 10}}→ {escape(finding.remedy)}")
    if findings.failures:
        say(f"{findings.failures} of {len(findings)} checks failed")
        return 1
    arguments = escape(shlex.join(args.fit_arguments))
    say(f"next: cmr-clip fit {arguments}\non a cluster: sbatch slurm/pretrain.sbatch {arguments}")
    return 0
