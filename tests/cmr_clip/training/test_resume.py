"""Training that stops in the middle of an epoch goes on exactly where it was."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
import torch

from cmr_clip.cli import main
from tests.support.cohort import Cohort
from tests.support.paths import CONFIGS
from tests.support.runs import of_kind, options


def fit(cohort: Cohort, root: Path, step: int, name: str, workers: int = 0) -> None:
    """Train until a step and save there."""
    path = CONFIGS / "demo" / "pretrain.yaml"
    more = {
        **of_kind(path, cohort),
        "trainer.max_epochs": 100,
        "trainer.check_val_every_n_epoch": 4,
        "data.init_args.batch_size": 3,  # four batches of the ten training studies
        "data.init_args.num_workers": workers,
        "model.init_args.text_encoder.init_args.frozen_layers": 5,
        "model.init_args.objective": "cmr_clip.losses.InfoNCE",
        "model.init_args.objective.init_args.learn_temperature": "true",
    }
    stop = [
        "--trainer.callbacks+=tests.support.stop.SaveAndStop",
        f"--trainer.callbacks.step={step}",
        f"--trainer.callbacks.name={name}",
    ]
    arguments = ["--config", str(path), *options(cohort, root, **more), *stop, "--ckpt_path", "last"]
    with contextlib.suppress(SystemExit):
        main(["fit", *arguments])


@pytest.mark.slow
def test_thirty_steps_equal_thirteen_and_seventeen_bit_for_bit(cohort: Cohort, tmp_path: Path) -> None:
    workers = 1  # reads ahead
    fit(cohort, tmp_path / "whole", 30, "end")
    fit(cohort, tmp_path / "parts", 13, "last", workers)  # the first step of the fourth epoch's four
    fit(cohort, tmp_path / "parts", 30, "end", workers)
    whole, parts = (
        torch.load(tmp_path / name / "checkpoints" / "end.ckpt", weights_only=True) for name in ("whole", "parts")
    )
    assert whole["global_step"] == parts["global_step"] == 30
    for name, value in whole["state_dict"].items():
        assert torch.equal(value, parts["state_dict"][name]), name
    ours, theirs = (state["optimizer_states"][0]["state"] for state in (whole, parts))
    assert ours.keys() == theirs.keys()
    for key, moments in ours.items():
        for name, value in moments.items():
            assert torch.equal(torch.as_tensor(value), torch.as_tensor(theirs[key][name])), (key, name)
