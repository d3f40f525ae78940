"""The SLURM job that this process runs in, and putting it back into the queue."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Requeue", "SlurmJob"]

_PATIENCE_S = 60


@dataclass(frozen=True)
class Requeue:
    """What became of a request to queue the job again.

    Attributes:
        done: whether SLURM will run the job again.
        reason: one sentence, for the log.
    """

    done: bool
    reason: str


@dataclass(frozen=True)
class SlurmJob:
    """A batch job.

    Attributes:
        id: as `scontrol` takes it; `<array job>_<index>` for a task of an array.
    """

    id: str

    @classmethod
    def current(cls, environment: Mapping[str, str] = os.environ) -> SlurmJob | None:
        """The job of this process; None outside SLURM."""
        array = environment.get("SLURM_ARRAY_JOB_ID")
        if array:
            return cls(f"{array}_{environment['SLURM_ARRAY_TASK_ID']}")
        job = environment.get("SLURM_JOB_ID")
        return cls(job) if job else None

    def state(self) -> str:
        """SLURM's word for the job's state (`RUNNING`, `COMPLETING`, …); empty if it cannot be asked."""
        answer = _scontrol("show", "job", "--oneliner", self.id)
        found = re.search(r"\bJobState=(\S+)", answer.stdout)
        return found.group(1) if found else ""

    def requeue(self) -> Requeue:
        """Queue the job again, unless it is already ending.

        A job that ends by itself was cancelled, which must stay so, or is pre-empted, after which SLURM queues it
        again without our help.
        """
        state = self.state()
        if state != "RUNNING":
            known = state or "unknown to scontrol"
            return Requeue(
                False,
                f"job {self.id} is {known} and not queued again from here (after a pre-emption SLURM does that itself)",
            )
        answer = _scontrol("requeue", self.id)
        if answer.returncode:
            return Requeue(False, f"scontrol requeue {self.id}: {' '.join(answer.stderr.split())}")
        return Requeue(True, f"job {self.id} is in the queue again and goes on from there")


def _scontrol(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["scontrol", *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=_PATIENCE_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 1, "", str(error))
