"""Stopping at a signal, without SLURM: when, with what saved, and what SLURM is asked for."""

from __future__ import annotations

import os
import signal
import stat
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import torch

from cmr_clip.cli import main
from cmr_clip.runtime.slurm_job import SlurmJob
from cmr_clip.runtime.stop_signals import StopSignals, ignore_stop_signals
from cmr_clip.training.callbacks.preemption import EXIT_CODE, ResumeOptions, ResumePoints
from cmr_clip.training.callbacks.rank_agreement import RankVotes
from cmr_clip.training.checkpoint_io import AtomicCheckpointIO
from tests.support.cohort import Cohort
from tests.support.jobs import CONFIG, ROOT, fit_options
from tests.support.visits import read_visits


def test_signals_are_noted_and_what_they_did_before_comes_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with StopSignals() as signals:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # as Lightning replaces it
        signals.listen()
        os.kill(os.getpid(), signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGTERM)
        assert signals.received is signal.SIGUSR1
    assert signal.getsignal(signal.SIGTERM) is before
    assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL


def test_reading_processes_survive_the_signals_of_a_step() -> None:
    child = os.fork()
    if child == 0:
        ignore_stop_signals()
        for number in (signal.SIGUSR1, signal.SIGTERM):
            os.kill(os.getpid(), number)
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


@pytest.fixture
def fake_scontrol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `scontrol` that answers with a file and notes what it was asked."""
    script = tmp_path / "bin" / "scontrol"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\necho "$*" >> {tmp_path}/asked\ncat {tmp_path}/state\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(script.parent), prepend=os.pathsep)
    return tmp_path


@pytest.mark.parametrize(("state", "queued"), [("RUNNING", True), ("COMPLETING", False), ("CANCELLED", False)])
def test_only_a_running_job_is_queued_again(fake_scontrol: Path, state: str, queued: bool) -> None:
    (fake_scontrol / "state").write_text(f"JobId=7 JobName=x JobState={state} Reason=None\n")
    outcome = SlurmJob("7_3").requeue()
    assert outcome.done is queued
    assert ("requeue 7_3" in (fake_scontrol / "asked").read_text().splitlines()) is queued
    assert "7_3" in outcome.reason


def test_the_job_is_found_in_the_environment() -> None:
    assert SlurmJob.current({}) is None
    assert SlurmJob.current({"SLURM_JOB_ID": "12"}) == SlurmJob("12")
    array = {"SLURM_JOB_ID": "13", "SLURM_ARRAY_JOB_ID": "12", "SLURM_ARRAY_TASK_ID": "4"}
    assert SlurmJob.current(array) == SlurmJob("12_4")


class _Unwritable:
    def __reduce__(self) -> tuple[object, ...]:
        raise OSError("the job is killed here")


def test_a_checkpoint_is_whole_or_the_one_before(tmp_path: Path) -> None:
    path, io = tmp_path / "last.ckpt", AtomicCheckpointIO()
    io.save_checkpoint({"step": 1, "weight": torch.ones(3)}, path)
    with pytest.raises(OSError, match="killed"):
        io.save_checkpoint({"step": 2, "weight": torch.ones(10_000), "last": _Unwritable()}, path)
    assert torch.load(path, weights_only=True)["step"] == 1
    (tmp_path / ".last.ckpt.1.tmp").write_bytes(b"half")  # what a killed process leaves
    io.save_checkpoint({"step": 3}, str(path))
    assert [entry.name for entry in tmp_path.iterdir()] == ["last.ckpt"]
    assert torch.load(path, weights_only=True)["step"] == 3


def saved_batches(options: ResumeOptions, batches: int, **more: object) -> list[int]:
    """In which batches of an epoch a run saves unasked."""
    state = {
        "fast_dev_run": False,
        "accumulate_grad_batches": 1,
        "num_training_batches": batches,
        "max_steps": -1,
        "max_epochs": 5,
        "current_epoch": 0,
        "val_check_batch": None,
        "is_global_zero": True,
        "global_step": 0,
        "checkpoint_callbacks": [],
        **more,
    }
    trainer, saved = SimpleNamespace(**state), []
    points = ResumePoints(StopSignals(), options)
    points._saved_at = (0.0, 0)

    def save(_: object) -> None:
        points._saved_at = (0.0, trainer.global_step)
        saved.append(index)

    points._save = save  # type: ignore[method-assign,assignment]
    for index in range(batches):
        trainer.global_step, trainer.is_last_batch = index + 1, index + 1 == batches
        points.on_train_batch_end(trainer, None, None, None, index)  # type: ignore[arg-type]
    return saved


def test_points_are_written_between_steps_and_never_where_one_would_lose_something() -> None:
    every = ResumeOptions(None, 2)
    assert saved_batches(every, 7) == [1, 3, 5]
    assert saved_batches(every, 6) == [1, 3]  # not the last: its epoch's validation and history come after it
    assert saved_batches(every, 7, accumulate_grad_batches=3) == [2, 5]
    assert saved_batches(every, 7, val_check_batch=4) == [1, 4]  # not the fourth, after which validation comes
    assert saved_batches(every, 7, fast_dev_run=True) == []
    assert saved_batches(ResumeOptions(None, 1), 1) == [0]
    assert saved_batches(ResumeOptions(None, 1), 1, max_epochs=1) == []
    assert saved_batches(ResumeOptions(None, None), 9) == []
    assert saved_batches(ResumeOptions(every_minutes=0.0), 3) == [0, 1]


def test_one_rank_agrees_with_itself() -> None:
    assert RankVotes().any(True, False) == (True, False)


@pytest.mark.slow
def test_a_signalled_run_saves_ends_with_its_code_and_goes_on(
    cohort: Cohort, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    given = ["fit", "--config", str(ROOT / CONFIG), "--ckpt_path=last", "--trainer.accelerator=cpu"]
    given += fit_options(cohort, tmp_path, **{"trainer.max_epochs": 2})
    signalled = ["--trainer.callbacks+=tests.support.visits.SignalAtStep", "--trainer.callbacks.init_args.step=5"]
    with pytest.raises(SystemExit) as end:
        main([*given, *signalled])
    assert end.value.code == EXIT_CODE
    out = " ".join(capsys.readouterr().out.split())
    # ten studies in batches of two: the fifth step ends the epoch, so that the run ends one step later
    assert "SIGUSR1: stopped after step 6 (batch 1 of 5 of epoch 1)" in out
    assert "--ckpt_path last" in out
    assert main(given) == 0
    assert [visit.step for visit in read_visits(tmp_path / "visits")] == list(range(1, 11))
    assert pd.read_csv(tmp_path / "metrics.csv")["epoch"].tolist() == [0, 1]
    assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL
