"""The same training without SLURM: `torchrun` starts the ranks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.cohort import Cohort
from tests.support.jobs import CONFIG, EPOCHS, ROOT, fit_options
from tests.support.visits import read_visits


@pytest.mark.slow
def test_torchrun_trains_on_two_processes(cohort: Cohort, tmp_path: Path) -> None:
    options = fit_options(cohort, tmp_path, **{"trainer.accelerator": "cpu", "trainer.devices": 2})
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m"]
    command = [*torchrun, "cmr_clip", "fit", "--config", CONFIG, *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    for epoch in range(EPOCHS):
        seen = [
            (visit.rank, study)
            for visit in read_visits(tmp_path / "visits")
            for study in visit.studies
            if visit.epoch == epoch
        ]
        assert sorted(study for _, study in seen) == sorted(cohort.studies[:10])
        assert {rank for rank, _ in seen} == {0, 1}
    assert (tmp_path / "checkpoints" / "last.ckpt").exists()
