"""Training with the files of version 0.3 comes to the same weights, bit by bit: anew, gone on with, fine-tuned.

Files: tests/support/make_files_of_0_3.py.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from cmr_clip.cli import main
from cmr_clip.demo.plan import DemoPlan, demo_steps
from tests.support.commands import succeed
from tests.support.make_files_of_0_3 import training

pytestmark = pytest.mark.slow

PRETRAINED = "pretrain/checkpoints/last.ckpt"
FINETUNED = "heads/checkpoints/last.ckpt"


def configuration(step: str) -> list[str]:
    """The `--config` options of a step of the demo."""
    command = next(planned.command for planned in demo_steps(DemoPlan()) if planned.name == step)
    return [text for i, word in enumerate(command) if word == "--config" for text in command[i : i + 2]]


def assert_same_training(ours: Path, theirs: Path) -> None:
    """The same weights and the same state of the optimiser."""
    new, old = (torch.load(path, weights_only=True) for path in (ours, theirs))
    assert new["global_step"] == old["global_step"]
    assert new["state_dict"].keys() == old["state_dict"].keys()
    for name, value in old["state_dict"].items():
        assert torch.equal(new["state_dict"][name], value), name
    moments, before = (state["optimizer_states"][0]["state"] for state in (new, old))
    assert moments.keys() == before.keys()
    for key, values in before.items():
        for name, value in values.items():
            assert torch.equal(torch.as_tensor(moments[key][name]), torch.as_tensor(value)), (key, name)


def test_a_first_step_of_pretraining(old: Path, expected: dict, tmp_path: Path) -> None:
    succeed(main, "fit", *configuration("pretrain"), *training(old, tmp_path, "pretrain"))
    assert_same_training(tmp_path / "checkpoints" / "last.ckpt", old / PRETRAINED)


def test_pretraining_goes_on_from_an_old_checkpoint(old: Path, expected: dict, tmp_path: Path) -> None:
    options = training(old, tmp_path, "pretrain", epochs=2)
    succeed(main, "fit", *configuration("pretrain"), *options, "--ckpt_path", old / PRETRAINED)
    assert_same_training(tmp_path / "checkpoints" / "last.ckpt", old / "resumed" / "checkpoints" / "last.ckpt")


@pytest.mark.parametrize("encoder", [PRETRAINED, "pair"])
def test_heads_train_on_an_old_encoder(encoder: str, old: Path, expected: dict, tmp_path: Path) -> None:
    chosen = ["--model.init_args.encoder_checkpoint", old / encoder]
    succeed(main, "fit", *configuration("lvef_fit"), *training(old, tmp_path, "lvef"), *chosen)
    assert_same_training(tmp_path / "checkpoints" / "last.ckpt", old / FINETUNED)


def test_old_heads_are_tested_alike(old: Path, expected: dict, tmp_path: Path) -> None:
    options = training(old, tmp_path, "lvef")
    succeed(main, "test", *configuration("lvef_test"), *options, "--ckpt_path", old / FINETUNED)
    for name in ("predictions.csv", "attention.csv"):
        assert (tmp_path / name).read_bytes() == (old / "heads" / name).read_bytes(), name
    new, before = (json.loads((folder / "test_metrics.json").read_text()) for folder in (tmp_path, old / "heads"))
    undefined = {"test/finding/auroc": 0.0, "test/finding/average_precision": 0.0}  # no study tested has the finding
    assert before == new | undefined
