"""Runs steps one after the other; finished ones are skipped, an interrupted one goes on."""

from __future__ import annotations

import hashlib
import json
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cmr_clip.demo.plan import DemoStep
from cmr_clip.errors import CmrClipError
from preprocess.system.files import write_text

__all__ = ["run_steps"]

_PATIENCE = 15.0  # seconds that an interrupted step has to put its files and workers in order
_MODULES = {"cmr-preprocess": "preprocess", "cmr-clip": "cmr_clip"}


def run_steps(
    steps: Sequence[DemoStep], run: Path, tell: Callable[[str], None] = lambda line: None
) -> dict[str, float]:
    """Run every step that has not finished with the same command after the same run of the steps before it.

    Args:
        steps: in their order.
        run: folder that keeps what was done.
        tell: hears, step by step, its title, its command and whether it was done already.

    Returns:
        Seconds of each step, as measured when it ran.

    Raises:
        CmrClipError: a step failed; its own message stands above.
    """
    seconds: dict[str, float] = {}
    before: list[float] = []
    for number, step in enumerate(steps, 1):
        tell(f"\n{number}/{len(steps)} {step.title}")
        tell(f"$ {shlex.join(step.command)}")
        # Records may outlive the run, and the command can hold a name in a path: its hash stands for it.
        fingerprint = hashlib.sha256("\0".join(step.command).encode()).hexdigest()
        wanted = {"command": fingerprint, "before": list(before)}
        record = _read(run, step)
        if record.get("finished") and _same(record, wanted):
            tell(f"already done, took {record['seconds']:.0f} s")
        else:
            record = _run(step, run, wanted, goes_on=_same(record, wanted))
        seconds[step.name] = round(record["seconds"], 1)
        before.append(record["finished"])
    return seconds


def _record_path(run: Path, step: DemoStep) -> Path:
    return run / ".steps" / f"{step.name}.json"


def _read(run: Path, step: DemoStep) -> dict[str, Any]:
    try:
        return dict(json.loads(_record_path(run, step).read_text()))
    except (FileNotFoundError, json.JSONDecodeError):
        return {}


def _write(run: Path, step: DemoStep, record: dict[str, Any]) -> None:
    write_text(_record_path(run, step), json.dumps(record) + "\n")


def _same(record: dict[str, Any], wanted: dict[str, Any]) -> bool:
    return all(record.get(name) == value for name, value in wanted.items())


def _run(step: DemoStep, run: Path, wanted: dict[str, Any], *, goes_on: bool) -> dict[str, Any]:
    """Run a step; `goes_on` if the same step was interrupted, in which case its time adds up."""
    if step.resumes_in is not None and not goes_on:
        shutil.rmtree(step.resumes_in, ignore_errors=True)
    spent = float(_read(run, step).get("seconds", 0)) if goes_on else 0.0
    start = time.monotonic()
    _write(run, step, {**wanted, "seconds": spent})
    program, *arguments = step.command
    try:
        code = _call([sys.executable, "-m", _MODULES[program], *arguments])
    finally:
        spent += time.monotonic() - start
        _write(run, step, {**wanted, "seconds": spent})
    if code:
        raise CmrClipError(f"step {step.name} ended with exit code {code}", "mend what it says above and run again")
    record = {**wanted, "seconds": spent, "finished": time.time()}
    _write(run, step, record)
    return record


def _call(command: list[str]) -> int:
    """Run a command to its end; on Ctrl-C, which reaches it too, let it end by itself."""
    process = subprocess.Popen(command)
    try:
        return process.wait()
    except KeyboardInterrupt:
        for stop in (process.terminate, process.kill):
            try:
                process.wait(timeout=_PATIENCE)
                break
            except subprocess.TimeoutExpired:
                stop()
        raise
