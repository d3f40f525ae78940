"""Each mistake gives one clear line, no traceback, and the right exit code."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
import torch
from torchmetrics import MetricCollection

from cmr_clip.cli import main
from cmr_clip.models import RegressionHead
from tests.support.cohort import Cohort
from tests.support.paths import CONFIGS
from tests.support.runs import options

DEMO = CONFIGS / "demo"


class _Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("/tmp/cmr-clip-pickle-was-executed"),)


LEAST = (("batch_size", 1), ("studies_per_eval_batch", 1), ("num_workers", 0), ("cache_mb", 0))


class RefusingHead(RegressionHead):
    """Refuses some of its settings when it is built, others when its metrics are."""

    def __init__(self, target: str, classes: list[str]) -> None:
        if len(set(classes)) < len(classes):
            raise ValueError("a class is named twice")
        super().__init__(target)
        self.classes = classes

    def metrics(self) -> MetricCollection:
        if len(self.classes) < 2:
            raise ValueError("no metric of one class")
        return super().metrics()


def refusing(settings: str) -> str:
    return f"[{{class_path: {__name__}.RefusingHead, init_args: {{target: lvef_percent, {settings}}}}}]"


def run(command: str, cohort: Cohort, tmp_path: Path, *more: str) -> int:
    labels = ["--data.init_args.labels", str(cohort.labels), "--model.init_args.encoder_checkpoint", "null"]
    arguments = [*options(cohort, tmp_path), *labels, *more]
    return main([command, "--config", str(DEMO / "lvef.yaml"), *arguments])


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    err = capsys.readouterr().err
    lines = [line for line in err.splitlines() if line.strip() and not line.startswith("Seed set")]
    assert len(lines) == 1, err
    assert lines[0].startswith("cmr-clip: error: ")
    assert "Traceback" not in err
    return lines[0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("--model.init_args.freez", "encoder"), ["freez"]),
        (("--data.init_args.batch_size", "many"), ["batch_size", "many"]),
        (("--trainer.epochs", "3"), ["trainer.epochs"]),
        (("--config", "/nowhere.yaml"), ["/nowhere.yaml"]),
        (("--model.init_args.heads", refusing("classes: [a, a]")), ["a class is named twice"]),
        (("--model.init_args.heads", refusing("classes: [a]")), ["no metric of one class"]),
        *(((f"--data.init_args.{name}", str(least - 1)), [name, f"give {least} or more"]) for name, least in LEAST),
        (("--trainer.max_epochs", "-5"), ["max_epochs", "-5"]),
        (("--trainer.limit_val_batches", "-1"), ["limit_val_batches"]),
    ],
)
def test_a_wrong_configuration_is_named_and_ends_with_2(change, words, cohort, tmp_path, capsys) -> None:
    assert run("fit", cohort, tmp_path, *change) == 2
    line = one_line(capsys)
    assert all(word in line for word in words)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("--data.init_args.store", "/nowhere"), ["/nowhere", "cmr-preprocess convert"]),
        (("--data.init_args.splits", "/nowhere.csv"), ["/nowhere.csv"]),
        (("--model.init_args.heads", "[]"), ["heads is empty", "docs/heads.md"]),
        (("--data.init_args.labels", "null"), ["labels", "cmr-preprocess labels"]),
        (("--data.init_args.clip.size", "32"), ["clip", "64"]),
        (("--ckpt_path", "/nowhere.ckpt"), ["/nowhere.ckpt", "cmr-clip fit"]),
        (("--data.init_args.views", "[4CH, 5CH]"), ["5CH", "4CH"]),
        (("--model.init_args.encoder_checkpoint", "/nowhere.ckpt"), ["/nowhere.ckpt"]),
    ],
)
def test_bad_input_is_named_with_its_remedy_and_ends_with_1(change, words, cohort, tmp_path, capsys) -> None:
    assert run("fit", cohort, tmp_path, *change) == 1
    line = one_line(capsys)
    assert all(word in line for word in words)


def test_a_missing_target_is_named(cohort, tmp_path, capsys) -> None:
    heads = "[{class_path: cmr_clip.models.RegressionHead, init_args: {target: lvedv_ml}}]"
    assert run("fit", cohort, tmp_path, "--model.init_args.heads", heads) == 1
    line = one_line(capsys)
    assert "lvedv_ml" in line
    assert "lvef_percent" in line


def test_a_checkpoint_of_another_model_is_refused(cohort, tmp_path, capsys) -> None:
    other = tmp_path / "other.ckpt"
    torch.save(
        {"state_dict": {"model.video_proj.weight": torch.zeros(3, 3)}, "pytorch-lightning_version": "2.6"}, other
    )
    assert run("test", cohort, tmp_path, "--ckpt_path", str(other)) == 1
    assert "of another model" in one_line(capsys)
    assert run("fit", cohort, tmp_path, "--model.init_args.encoder_checkpoint", str(other)) == 1
    assert "holds no known encoder (MViT)" in one_line(capsys)
    embed = ["embed", "--checkpoint", str(other), "--store", str(cohort.store), "--out", str(tmp_path / "e.parquet")]
    assert main(embed) == 1
    assert "holds no known encoder (MViT)" in one_line(capsys)


def test_a_pickle_is_never_executed(cohort, tmp_path, capsys) -> None:
    trap, proof = tmp_path / "trap.ckpt", Path("/tmp/cmr-clip-pickle-was-executed")
    proof.unlink(missing_ok=True)
    trap.write_bytes(pickle.dumps(_Evil()))
    assert run("fit", cohort, tmp_path, "--model.init_args.encoder_checkpoint", str(trap)) == 1
    assert "no checkpoint of tensors" in one_line(capsys)
    assert run("test", cohort, tmp_path, "--ckpt_path", str(trap)) == 1
    assert "no checkpoint of tensors" in one_line(capsys)
    assert not proof.exists()


def test_an_index_of_another_vocabulary_is_refused(cohort, tmp_path, capsys) -> None:
    sentences = tmp_path / "sentences.json"
    text = cohort.sentences.read_text()
    start = text.index('"tokenizer_sha256": "') + len('"tokenizer_sha256": "')
    sentences.write_text(text[:start] + "0" * 64 + text[start + 64 :])
    arguments = options(cohort, tmp_path, **{"data.init_args.sentences": sentences})
    assert main(["fit", "--config", str(DEMO / "pretrain.yaml"), *arguments]) == 1
    assert "vocabulary" in one_line(capsys)


def test_studies_without_a_report_are_counted_and_left_out(cohort, tmp_path, caplog) -> None:
    content = json.loads(cohort.sentences.read_text())
    del content["studies"][cohort.studies[0]]
    sentences = tmp_path / "sentences.json"
    sentences.write_text(json.dumps(content))
    change = {"data.init_args.sentences": sentences, "data.init_args.batch_size": 5, "trainer.max_epochs": 1}
    with caplog.at_level("WARNING", logger="cmr_clip"):
        assert main(["fit", "--config", str(DEMO / "pretrain.yaml"), *options(cohort, tmp_path, **change)]) == 0
    assert "1 studies of split train have no report" in caplog.text
