"""A configuration of version 0.3 names a class where it no longer is: one line says where it is."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest
import yaml

from cmr_clip.cli import main
from cmr_clip.errors import ConfigurationError
from cmr_clip.training.moved_names import MOVED, refuse_moved_names

OF_0_3 = sorted((Path(__file__).parent / "of_0_3").glob("*.yaml"))

# Every class and function of 997d2d0 that a field of a configuration could take.
NAMES = [
    "callbacks.history.HistoryFile",
    "callbacks.predictions.MetricsFile",
    "callbacks.predictions.PredictionTables",
    "callbacks.preemption.ResumePoints",
    "callbacks.progress.ProgressLines",
    "callbacks.progress.TrainingProgress",
    "callbacks.throughput.Throughput",
    "checkpoint_io.AtomicCheckpointIO",
    "data.bag_module.StudyBagDataModule",
    "data.clips.ClipSpec",
    "data.contrastive_module.ContrastiveDataModule",
    "losses.objectives.InfoNCE",
    "losses.objectives.SigLIP",
    "models.heads.BinaryHead",
    "models.heads.RegressionHead",
    "models.mvit.MViT",
    "models.text.BertTextEncoder",
    "models.presets.mvit_b_16x4",
    "models.presets.mvit_b_32x3",
    "models.presets.mvit_tiny",
    "tasks.contrastive.ContrastivePretraining",
    "tasks.finetuning.StudyFinetuning",
    "tasks.schedules.WarmupCosineLR",
    "transforms.augmentation.Jitter",
    "transforms.augmix.AugMix",
    "transforms.crop_augmix.CropAugMix",
]


def fetch(name: str) -> object:
    module, _, attribute = name.rpartition(".")
    return getattr(import_module(module), attribute)


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("cmr-clip: error: ")
    return line


@pytest.mark.parametrize("name", NAMES)
def test_a_name_works_or_its_new_place_is_told(name: str, tmp_path: Path) -> None:
    old = f"cmr_clip.{name}"
    if old not in MOVED:
        assert fetch(old).__name__ == name.rpartition(".")[2]  # type: ignore[attr-defined]
        return
    assert fetch(MOVED[old]).__name__ == name.rpartition(".")[2]  # type: ignore[attr-defined]
    with pytest.raises((ImportError, AttributeError)):
        fetch(old)
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump({"trainer": {"callbacks": [{"class_path": old}]}}))
    for arguments in (
        ["--config", str(file)],
        [f"--trainer.callbacks+={old}"],
        ["--model", old],
        ["--data", str(file)],
    ):
        with pytest.raises(ConfigurationError) as caught:
            refuse_moved_names(arguments)
        assert f"write {MOVED[old]} for {old}" in caught.value.remedy


def test_nothing_else_is_listed() -> None:
    assert MOVED.keys() <= {f"cmr_clip.{name}" for name in NAMES}


@pytest.mark.parametrize("command", ["fit", "test"])
@pytest.mark.parametrize("file", OF_0_3, ids=lambda path: path.stem)
def test_the_configurations_of_0_3_end_with_one_line(
    file: Path, command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "--config", str(file), "--trainer.default_root_dir", str(tmp_path / "run")]) == 2
    line = one_line(capsys)
    assert file.name in line and "write cmr_clip.training.callbacks.HistoryFile for" in line
    assert not (tmp_path / "run").exists()


def test_a_base_and_the_check_before_a_job_are_read_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.yaml").write_text(f"base: {OF_0_3[0]}\n")
    assert main(["fit", "--config", str(tmp_path / "mine.yaml")]) == 2
    assert OF_0_3[0].name in one_line(capsys)
    assert main(["check", "--config", str(tmp_path / "mine.yaml")]) == 1
    assert "write cmr_clip.encoders" in " ".join(capsys.readouterr().out.split())


def test_a_comment_is_no_name(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(f"# {next(iter(MOVED))}\ntrainer: {{max_epochs: 1}}\n")
    refuse_moved_names(["--config", str(tmp_path / "config.yaml")])
