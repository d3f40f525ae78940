"""`sbatch slurm/pretrain.sbatch` on a real SLURM: two tasks, ended by signals, cancelled and killed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.support.cluster import Cluster, wait_for
from tests.support.cohort import Cohort, make_cohort
from tests.support.jobs import EPOCHS, Run
from tests.support.visits import Visit

pytestmark = pytest.mark.slurm
PAUSE = 0.2


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    return make_cohort(tmp_path_factory.mktemp("cohort"), n=34, train=30, val=3)


@pytest.fixture(scope="module")
def whole(slurm: Cluster, cohort: Cohort, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A job that nothing disturbs."""
    run = Run.submit(slurm, cohort, tmp_path_factory.mktemp("whole") / "run")
    run.finish(restarts=0)
    return run


def by_step(visits: list[Visit]) -> dict[tuple[int, int], tuple[object, ...]]:
    """Where each rank's steps went; a later start replaces an earlier one."""
    return {(visit.rank, visit.step): visit[2:] for visit in sorted(visits)}


def assert_same_training(run: Run, whole: Run) -> None:
    """The same steps on the same studies with the same result, bit for bit."""
    assert by_step(run.visits()) == by_step(whole.visits())
    ours, theirs = run.checkpoint(), whole.checkpoint()
    assert ours["global_step"] == theirs["global_step"]
    assert ours["epoch"] == theirs["epoch"]
    for name, value in theirs["state_dict"].items():
        assert torch.equal(ours["state_dict"][name], value), name
    assert run.epochs_of_history() == whole.epochs_of_history() == list(range(EPOCHS))


def test_two_tasks_share_each_epoch(whole: Run, cohort: Cohort) -> None:
    for epoch in range(EPOCHS):
        seen = [(study, visit.rank) for visit in whole.visits() if visit.epoch == epoch for study in visit.studies]
        assert sorted(study for study, _ in seen) == sorted(cohort.studies[:30])
        assert {rank for _, rank in seen} == {0, 1}


def test_a_signalled_job_goes_on_by_itself_and_repeats_no_study(
    slurm: Cluster, cohort: Cohort, whole: Run, tmp_path: Path
) -> None:
    run = Run.submit(slurm, cohort, tmp_path / "run", pause=PAUSE)
    run.wait_for_step(epoch=1, steps=3)
    slurm.run("scancel", "--signal=USR1", run.job)
    run.wait_for_state("PENDING")
    interrupted = run.visits()
    slurm.hurry(run.job)
    run.finish(restarts=1)

    last = max(visit.step for visit in interrupted)
    steps = max(visit.step for visit in whole.visits()) // EPOCHS
    assert last % steps, "the signal came between two epochs"
    assert f"SIGUSR1: stopped after step {last}" in run.said()
    resumed = [visit for visit in run.visits() if visit.start == 1]
    assert min(visit.step for visit in resumed) == last + 1
    assert len(run.visits()) == len(whole.visits())
    for epoch in range(EPOCHS):
        studies = [study for visit in run.visits() if visit.epoch == epoch for study in visit.studies]
        assert len(studies) == len(set(studies)) == 30
    assert_same_training(run, whole)
    assert len(list((run.folder / "tensorboard").glob("events*"))) == 2


def test_a_killed_job_goes_on_from_its_last_point(slurm: Cluster, cohort: Cohort, whole: Run, tmp_path: Path) -> None:
    run = Run.submit(slurm, cohort, tmp_path / "run", pause=PAUSE, **{"resume.every_n_steps": 5})
    run.wait_for_step(epoch=1, steps=4)
    slurm.run("scancel", "--signal=KILL", f"{run.job}.0")  # the tasks; the job itself would count as cancelled
    run.wait_for_state("FAILED")
    last = max(visit.step for visit in run.visits())
    slurm.run("scontrol", "requeue", run.job)
    run.wait_for_state("PENDING", "RUNNING")
    slurm.hurry(run.job)
    run.finish(restarts=1)

    first = min(visit.step for visit in run.visits() if visit.start == 1)
    assert first == last - last % 5 + 1
    assert_same_training(run, whole)


def test_a_cancelled_job_is_saved_and_stays_cancelled(slurm: Cluster, cohort: Cohort, tmp_path: Path) -> None:
    run = Run.submit(slurm, cohort, tmp_path / "run", pause=PAUSE)
    run.wait_for_step(epoch=0, steps=2)
    slurm.run("scancel", run.job)
    run.wait_for_state("CANCELLED")
    wait_for(lambda: "not queued again" in run.said(), 30, "the job's last words", run.said)
    assert run.checkpoint()["global_step"] == max(visit.step for visit in run.visits())
