"""Finished steps are skipped, changed or stale ones run again, an interrupted training goes on."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from cmr_clip.cli import main
from cmr_clip.demo import runner
from cmr_clip.demo.plan import DemoPlan, DemoStep, demo_steps
from cmr_clip.demo.runner import run_steps
from cmr_clip.errors import CmrClipError
from tests.support.paths import ROOT


@pytest.fixture(autouse=True)
def _recorder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "_MODULES", {"cmr-clip": "tests.support.recorder"})
    monkeypatch.chdir(ROOT)


def step(log: Path, name: str, *rest: str, resumes_in: Path | None = None) -> DemoStep:
    return DemoStep(name, name, ("cmr-clip", str(log), name, *rest), resumes_in)


def ran(log: Path) -> list[str]:
    names = log.read_text().split() if log.exists() else []
    log.unlink(missing_ok=True)
    return names


def test_finished_steps_are_skipped(tmp_path: Path) -> None:
    log = tmp_path / "log"
    steps = [step(log, "a"), step(log, "b")]
    first = run_steps(steps, tmp_path)
    assert ran(log) == ["a", "b"]
    assert run_steps(steps, tmp_path) == first
    assert ran(log) == []


def test_a_changed_step_and_all_after_it_run_again(tmp_path: Path) -> None:
    log = tmp_path / "log"
    run_steps([step(log, "a"), step(log, "b"), step(log, "c")], tmp_path)
    ran(log)
    run_steps([step(log, "a"), step(log, "b", "--changed"), step(log, "c")], tmp_path)
    assert ran(log) == ["b", "c"]


def test_a_failed_step_stops_the_demo_and_goes_on_in_its_folder(tmp_path: Path) -> None:
    log, folder = tmp_path / "log", tmp_path / "training"
    steps = [step(log, "a"), step(log, "fit", "fail", resumes_in=folder), step(log, "c")]
    with pytest.raises(CmrClipError, match="step fit ended with exit code 3"):
        run_steps(steps, tmp_path)
    assert ran(log) == ["a", "fit"]
    (folder / "checkpoints").mkdir(parents=True)
    Path(f"{log}.mended").touch()
    run_steps(steps, tmp_path)
    assert ran(log) == ["fit", "c"]
    assert (folder / "checkpoints").is_dir()


def test_a_training_whose_inputs_changed_starts_anew(tmp_path: Path) -> None:
    log, folder = tmp_path / "log", tmp_path / "training"
    run_steps([step(log, "a"), step(log, "fit", resumes_in=folder)], tmp_path)
    (folder / "checkpoints").mkdir(parents=True)
    run_steps([step(log, "a", "--changed"), step(log, "fit", resumes_in=folder)], tmp_path)
    assert not folder.exists()


def test_every_step_is_a_public_command(capsys: pytest.CaptureFixture[str]) -> None:
    from preprocess.cli import build_parser

    for plan in (DemoPlan(), DemoPlan(run=Path("runs/demo-24"), patients=24, real=Path("dicom"))):
        for one in demo_steps(plan):
            program, name, *arguments = one.command
            if program == "cmr-preprocess":
                assert build_parser().parse_args([name, *arguments]).run
            elif name in ("embed", "umap"):
                from cmr_clip.cli import build_parser as build

                assert build().parse_args([name, *arguments]).run
            else:
                assert name in ("fit", "test", "predict")


def test_the_configured_paths_are_the_default_runs() -> None:
    commands = [one.command for one in demo_steps(DemoPlan())]
    assert not [c for c in commands if "--data.init_args.store" in c]
    small = [one.command for one in demo_steps(DemoPlan(run=Path("runs/demo-24"), patients=24)) if one.resumes_in]
    assert all("runs/demo-24/store" in command for command in small)


def test_a_wrong_real_path_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--real", "/nowhere/Jane Doe"]) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "--real" in err
    assert "Jane" not in err


def test_an_interrupted_step_may_put_its_things_in_order(tmp_path: Path) -> None:
    tidy = tmp_path / "tidy"
    program = f"import time, pathlib; time.sleep(2); pathlib.Path({str(tidy)!r}).touch()"
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job inherits a deaf ear
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            runner._call([sys.executable, "-c", program])
    finally:
        signal.signal(signal.SIGINT, before)
    assert tidy.exists()
