"""The comparisons with an older version: of speed in turns, of a demo's results bit by bit."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.against import ratio_with_interval
from benchmarks.same_demo import differences
from tests.support.paths import ROOT


def test_the_ratio_is_of_pairs_and_an_odd_one_out_does_not_move_it() -> None:
    drift = np.linspace(1, 3, 21)  # a machine that gets slower and slower
    ours = list(1.1 * drift)
    ours[4] *= 10
    ratio, low, high = ratio_with_interval(ours, list(drift))
    assert (ratio, low, high) == pytest.approx((1.1, 1.1, 1.1))
    noisy = list(drift * np.random.default_rng(0).normal(1, 0.05, 21))
    ratio, low, high = ratio_with_interval(noisy, list(drift))
    assert low < ratio < high and high - low < 0.1


def made(run: Path, value: float, **more: object) -> Path:
    run.mkdir()
    pd.DataFrame({"study": ["a", "b"], "e0": [0.5, value]}).to_parquet(run / "embeddings.parquet")
    (run / "splits.csv").write_text(f"study,split\na,{'train' if value else 'test'}\n")
    (run / "sentences.json").write_text(json.dumps({"studies": {"a": [[1, 2]]}, **more}))
    return run


def test_what_differs_between_two_demos_is_named_and_measured(tmp_path: Path) -> None:
    old = made(tmp_path / "old", 0.25)
    same, other = (
        differences(old, made(tmp_path / name, value, language="en")) for name, value in (("same", 0.25), ("other", 0))
    )
    for name in ("embeddings.parquet", "splits.csv", "sentences.json"):
        assert same[name] == []
    assert other["embeddings.parquet"] == ["column e0: 1 of 2 values differ, numbers by at most 0.25"]
    assert other["splits.csv"] == ["column split: 1 of 1 values differ, numbers by at most 0"]
    assert len(same["labels.csv"]) == 2  # missing in both


@pytest.mark.slow
def test_two_trees_take_turns(tmp_path: Path) -> None:
    out = tmp_path / "against.json"
    options = ["--quick", "--only", "convert", "--repeats", "2", "--out", str(out)]
    command = [sys.executable, "-m", "benchmarks.against", "--baseline", str(ROOT), *options]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    ratio, low, high = json.loads(out.read_text())["convert"]["wall"]
    assert 0 < low <= ratio <= high
