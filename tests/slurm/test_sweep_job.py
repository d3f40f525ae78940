"""`sbatch --array slurm/sweep.sbatch`: one run folder per line of a list."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml

from tests.support.cluster import Cluster
from tests.support.cohort import Cohort
from tests.support.jobs import CONFIG, ROOT, cpu_options, fit_options

pytestmark = pytest.mark.slurm


def test_an_array_trains_each_line_in_its_own_folder(slurm: Cluster, cohort: Cohort, tmp_path: Path) -> None:
    other = tmp_path / "other config.yaml"
    other.write_text(yaml.safe_dump({"base": str(ROOT / CONFIG), "model": {"init_args": {"flood_level": 0.3}}}))
    runs, grid = tmp_path / "runs", tmp_path / "grid.txt"
    grid.write_text(f'# the paper and another\n--config {CONFIG} --seed_everything 11\n\n"{other}"\n')
    once = {"trainer.max_epochs": 1, "trainer.check_val_every_n_epoch": 1}
    shared = [text for text in fit_options(cohort, tmp_path, **once) if "callbacks" not in text]
    job = slurm.submit(
        ROOT / "slurm" / "sweep.sbatch",
        str(grid),
        str(runs),
        *shared,
        options=(*cpu_options(1), "--array=0-1", f"--output={tmp_path}/%a.out"),
        cwd=ROOT,
    )

    def said() -> str:
        return "\n".join(path.read_text(errors="replace") for path in sorted(tmp_path.glob("*.out")))

    for index in range(2):
        state = slurm.wait_for_state(f"{job}_{index}", "COMPLETED", "FAILED", seconds=120, log=said)
        assert state["JobState"] == "COMPLETED", said()
    written = [yaml.safe_load((runs / str(i) / "tensorboard" / "config.yaml").read_text()) for i in range(2)]
    assert [config["model"]["init_args"]["flood_level"] for config in written] == [0.05, 0.3]
    assert [config["seed_everything"] for config in written] == [11, 7]
    for index in range(2):
        checkpoint = torch.load(runs / str(index) / "checkpoints" / "last.ckpt", weights_only=True)
        assert checkpoint["global_step"] == 5
