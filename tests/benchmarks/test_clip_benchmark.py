"""The clip benchmark runs, and its baseline does the work that it stands for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import paper_clip
from cmr_clip.transforms.augmix.plans import GEOMETRIC, Branch, ClipPlan, Operation, step_at
from tests.support.paths import ROOT
from tests.support.slow_augmix import slow_augmix


@pytest.mark.parametrize("operation", Operation)
def test_the_baselines_operations_are_the_same_operations(operation: Operation) -> None:
    rng = np.random.default_rng(1)
    frames = np.rint(rng.uniform(0.02, 0.9, (3, 20, 24)) * 255) / 255
    step = step_at(operation, 2.3)
    # The library truncates to levels: half a level more keeps the level that is meant.
    meant = frames + (0.5 / 255 if operation in {Operation.EQUALIZE, Operation.POSTERIZE} else 0)
    theirs = paper_clip._apply(torch.from_numpy(np.stack([meant] * 3, axis=1)).float(), step)
    for frame, changed in zip(frames, theirs.double().numpy(), strict=True):  # statistics per frame
        plan = ClipPlan(0.0, (Branch(1.0, (step,)),))
        wanted = slow_augmix(frame[None], plan, fill=0.5)[0]
        inner = np.s_[6:-6, 6:-6] if operation in GEOMETRIC else np.s_[:, :]  # the edge is blended otherwise
        for channel in changed:
            np.testing.assert_allclose(channel[inner], wanted[inner], atol=2e-4)


def test_the_baselines_file_is_the_papers_layout(tmp_path: Path) -> None:
    cine = np.random.default_rng(0).integers(0, 900, (5, 32, 32)).astype(np.uint16)
    paper_clip.write(tmp_path / "a.h5", cine, 36, "nearest")
    video = paper_clip.read(tmp_path / "a.h5")
    assert video.shape == (3, 5, 36, 36)
    assert video.dtype is torch.float32
    assert torch.equal(video[0], video[2])
    assert set(video.unique().tolist()) <= set(cine.ravel().tolist())
    clip = paper_clip.augment(video, 4, 28, np.random.default_rng(1))
    assert clip.shape == (3, 4, 28, 28)


@pytest.mark.slow
def test_the_benchmark_runs(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "benchmarks.clip_pipeline",
        "--quick",
        "--out",
        str(tmp_path / "numbers.json"),
    ]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert ran.returncode == 0, ran.stderr
    numbers = json.loads((tmp_path / "numbers.json").read_text())
    assert numbers["ratio, cpu"] == pytest.approx(numbers["baseline, cpu ms"] / numbers["ours, cpu ms"])
    parts = numbers["baseline: read, wall ms, least"] + numbers["baseline: augment, wall ms, least"]
    assert 0 < parts <= numbers["baseline, wall ms, least"] * 1.001
    assert "ratio" in ran.stdout
