"""kill -9 at any moment: the same command goes on, and the store is as if nothing had happened."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.factories import SeriesSpec, files, write_tgz
from tests.support.paths import ROOT
from tests.support.stores import content_of


def archives(folder: Path, n: int) -> None:
    for number in range(n):
        tags = {"PatientID": f"P{number % 15}", "AccessionNumber": f"A{number}"}
        sax = SeriesSpec(n_slices=6, n_frames=20, size=(128, 112), uid=f"1.2.{number}", level=number, tags=tags)
        write_tgz(folder / f"{number}.tgz", files(sax))


def command(given: Path, out: Path) -> list[str]:
    key = str(out.parent / "site.key")
    convert = [sys.executable, "-m", "preprocess", "convert", "--workers", "2", "--key", key]
    return [*convert, "--input", str(given), "--out", str(out)]


def workers_of(store: Path) -> list[int]:
    """Processes that were started for a store, by a variable of their environment."""
    return [
        int(path.name)
        for path in Path("/proc").iterdir()
        if path.name.isdigit() and str(store).encode() in _read(path / "environ")
    ]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def wait_for_progress(out: Path, running: subprocess.Popen[bytes]) -> None:
    """Until one more source is finished than before."""

    def n_finished() -> int:
        return len(list((out / ".ledger").glob("*.json")))

    before = n_finished()
    while n_finished() == before and running.poll() is None:
        time.sleep(0.01)


@pytest.mark.slow
def test_ten_kills_leave_no_trace(tmp_path: Path) -> None:
    archives(tmp_path / "in", 20)
    whole, out = tmp_path / "whole", tmp_path / "store"
    subprocess.run(command(tmp_path / "in", whole), cwd=ROOT, check=True, capture_output=True)
    rng, n_interrupted = random.Random(0), 0
    environment = {**os.environ, "CONVERSION": str(out)}
    for number in range(10):
        running = subprocess.Popen(command(tmp_path / "in", out), cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
        if number:
            wait_for_progress(out, running)
        time.sleep(rng.uniform(0.0, 0.2))
        n_interrupted += running.poll() is None
        running.send_signal(signal.SIGKILL)
        running.wait()
    assert n_interrupted >= 7
    assert content_of(out) != content_of(whole)
    last = command(tmp_path / "in", out)
    subprocess.run(last, cwd=ROOT, env=environment, check=True, capture_output=True)
    assert content_of(out) == content_of(whole)
    assert not [path for path in tmp_path.rglob("*") if path.name.endswith(".tmp")]
    deadline = time.monotonic() + 5
    while workers_of(out) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert workers_of(out) == []
