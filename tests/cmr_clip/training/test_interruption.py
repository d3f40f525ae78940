"""Ctrl-C in the middle of a training, then the same command again."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from tests.support.cohort import Cohort
from tests.support.paths import CONFIGS
from tests.support.runs import options

CONFIG = CONFIGS / "demo" / "lvef.yaml"


def command(cohort: Cohort, root: Path, epochs: int) -> list[str]:
    more = {
        "data.init_args.labels": cohort.labels,
        "model.init_args.encoder_checkpoint": "null",
        "trainer.max_epochs": epochs,
        "trainer.check_val_every_n_epoch": 5,
        "ckpt_path": "last",
    }
    return [sys.executable, "-m", "cmr_clip", "fit", "--config", str(CONFIG), *options(cohort, root, **more)]


def _heed_interrupts() -> None:
    """Undo what a shell does to background jobs: they inherit a deaf ear for SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.slow
def test_an_interrupted_training_goes_on(cohort: Cohort, tmp_path: Path) -> None:
    history = tmp_path / "metrics.csv"
    process = subprocess.Popen(
        command(cohort, tmp_path, 100_000),
        start_new_session=True,
        preexec_fn=_heed_interrupts,  # noqa: PLW1509 - no threads yet
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    while not history.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    assert process.poll() is None, process.stderr.read() if process.stderr else ""
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "Traceback" not in err
    done = pd.read_csv(history)["epoch"].max() + 1
    finished = subprocess.run(command(cohort, tmp_path, int(done) + 10), capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    assert pd.read_csv(history)["epoch"].tolist() == list(range(int(done) + 10))
    assert f"{int(done) + 10}/{int(done) + 10}" in finished.stdout
