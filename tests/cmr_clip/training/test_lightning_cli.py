"""The three private methods of LightningCLI that this project replaces do what they are replaced for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from cmr_clip.cli import main
from cmr_clip.training import parse_only
from tests.support.cohort import Cohort
from tests.support.paths import CONFIGS
from tests.support.runs import of_kind, options

LVEF = CONFIGS / "demo" / "lvef.yaml"


def test_the_hyper_parameters_of_a_checkpoint_do_not_override_the_configuration(tmp_path: Path) -> None:
    checkpoint = tmp_path / "other.ckpt"
    hyper_parameters = {"freeze": "nothing", "_class_path": "cmr_clip.tasks.StudyFinetuning"}
    torch.save({"hyper_parameters": hyper_parameters, "state_dict": {}}, checkpoint)
    cli = parse_only(["test", "--config", str(LVEF), "--ckpt_path", str(checkpoint)])
    assert (
        cli.config["test"]["model"]["init_args"]["freeze"]
        == parse_only(["test", "--config", str(LVEF)]).config["test"]["model"]["init_args"]["freeze"]
    )


def test_a_checkpoint_is_never_unpickled(cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}
    monkeypatch.setattr(pl.Trainer, "test", lambda self, *args, **kwargs: given.update(kwargs))
    assert main(["test", "--config", str(LVEF), *options(cohort, tmp_path, **of_kind(LVEF, cohort))]) == 0
    assert given["weights_only"] is True


def test_a_configuration_is_parsed_without_building_or_running(tmp_path: Path) -> None:
    cli = parse_only(["fit", "--config", str(LVEF), "--trainer.default_root_dir", str(tmp_path / "run")])
    assert cli.config["fit"]["trainer"]["max_epochs"] == 120
    assert not hasattr(cli, "trainer") and not hasattr(cli, "model") and not hasattr(cli, "datamodule")
    assert not (tmp_path / "run").exists()
