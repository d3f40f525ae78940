"""A small training as a job: options, logs and what it left behind."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch

from tests.support.cluster import Cluster, wait_for
from tests.support.cohort import Cohort
from tests.support.paths import ROOT
from tests.support.visits import Visit, read_visits

CONFIG = "configs/demo/pretrain.yaml"
EPOCHS = 2


def fit_options(cohort: Cohort, folder: Path, pause: float = 0.0, **more: object) -> list[str]:
    """Arguments of `cmr-clip fit` for a training of a few seconds that notes its visits in `folder/visits`."""
    values = {
        "data.init_args.store": cohort.store,
        "data.init_args.splits": cohort.splits,
        "data.init_args.sentences": cohort.sentences,
        "data.init_args.batch_size": 2,
        "data.init_args.num_workers": 1,  # reads ahead, and must survive signals
        "trainer.default_root_dir": folder,
        "trainer.max_epochs": EPOCHS,
        "trainer.check_val_every_n_epoch": EPOCHS,  # so that metrics.csv is not there yet when a run is interrupted
        "model.init_args.text_encoder.init_args.frozen_layers": 6,
        "trainer.callbacks+": "tests.support.visits.VisitLog",
        "trainer.callbacks.init_args.folder": folder / "visits",
        "trainer.callbacks.init_args.pause": pause,
        **more,
    }
    return [f"--{name}={value}" for name, value in values.items()]


@dataclass
class Run:
    """A job and its folder."""

    slurm: Cluster
    job: str
    folder: Path
    log: Path

    @classmethod
    def submit(cls, slurm: Cluster, cohort: Cohort, folder: Path, **more: object) -> Run:
        """Submit a pretraining of two tasks on CPUs."""
        log = folder.with_suffix(".out")
        options = (*cpu_options(2), f"--output={log}")
        arguments = ("--config", CONFIG, *fit_options(cohort, folder, **more))  # type: ignore[arg-type]
        job = slurm.submit(ROOT / "slurm" / "pretrain.sbatch", *arguments, options=options, cwd=ROOT)
        return cls(slurm, job, folder, log)

    def said(self) -> str:
        """The job's log."""
        return self.log.read_text(errors="replace") if self.log.exists() else "(no log)"

    def visits(self) -> list[Visit]:
        """What the ranks trained on so far."""
        return read_visits(self.folder / "visits")

    def wait_for_step(self, epoch: int, steps: int) -> None:
        """Wait until an epoch has done some steps."""

        def reached() -> bool:
            assert self.slurm.show(self.job)["JobState"] != "FAILED", self.said()
            return sum(visit.epoch == epoch and visit.rank == 0 for visit in self.visits()) >= steps

        wait_for(reached, 120, f"step {steps} of epoch {epoch}", self.said)

    def wait_for_state(self, *states: str, seconds: float = 120) -> dict[str, str]:
        """Wait for the job's state."""
        return self.slurm.wait_for_state(self.job, *states, seconds=seconds, log=self.said)

    def finish(self, restarts: int) -> None:
        """Wait for the job's good end."""
        state = self.wait_for_state("COMPLETED", "FAILED", "TIMEOUT", "NODE_FAIL", "CANCELLED")
        ended = (state["JobState"], state["Restarts"])
        assert ended == ("COMPLETED", str(restarts)), f"{state}\n{self.said()}\n{self.slurm.logs()}"

    def epochs_of_history(self) -> list[int]:
        """The epochs in `metrics.csv`."""
        epochs: list[int] = pd.read_csv(self.folder / "metrics.csv")["epoch"].tolist()
        return epochs

    def checkpoint(self) -> dict[str, object]:
        """The last checkpoint; asserts that nothing else was left in its folder."""
        names = [path.name for path in (self.folder / "checkpoints").iterdir()]
        assert names == ["last.ckpt"], names
        content: dict[str, object] = torch.load(self.folder / "checkpoints" / "last.ckpt", weights_only=True)
        return content


def cpu_options(tasks: int) -> tuple[str, ...]:
    """Options of sbatch for tasks on CPUs, with this interpreter."""
    own = f"CMR_CLIP_PYTHON={sys.executable},OMP_NUM_THREADS=1"
    return ("--gpus-per-node=0", f"--ntasks-per-node={tasks}", "--cpus-per-task=1", f"--export=ALL,{own}")
