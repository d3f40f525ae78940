"""Every configuration runs: fit, test and, for heads, predict, on a small cohort and on the CPU."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
import torch

from cmr_clip.cli import main
from cmr_clip.training import parse_only
from tests.support.cohort import TOKENIZER, Cohort
from tests.support.paths import CONFIGS
from tests.support.runs import of_kind, options

FILES = sorted(CONFIGS.rglob("*.yaml"))


def test_there_are_configurations() -> None:
    assert {path.relative_to(path.parents[1]).as_posix() for path in FILES} >= {
        "demo/pretrain.yaml",
        "demo/lvef.yaml",
        "simulated/pretrain.yaml",
        "pretrain/shad.yaml",
    }


@pytest.mark.parametrize(
    "path",
    [p for p in FILES if p.parent.name in ("demo", "simulated")],
    ids=lambda p: f"{p.parent.name}-{p.stem}",
)
def test_a_demo_configuration_fits_and_tests(path: Path, cohort: Cohort, tmp_path: Path) -> None:
    no_probes = {f"data.init_args.{name}": "null" for name in ("labels", "probes")}
    more = {**of_kind(path, cohort), **(no_probes if path.parent.name == "simulated" else {})}
    arguments = ["--config", str(path), *options(cohort, tmp_path, **more)]
    assert main(["fit", *arguments]) == 0
    history = pd.read_csv(tmp_path / "metrics.csv")
    assert history["epoch"].tolist() == [0, 1]
    assert history["train/loss"].notna().all()
    if path.parent.name == "simulated":
        assert history["train/clips_per_s"].iloc[-1] > 0
        assert 0 <= history["train/data_wait"].iloc[-1] <= 1
    checkpoint = tmp_path / "checkpoints" / "last.ckpt"
    assert main(["test", *arguments, "--ckpt_path", str(checkpoint)]) == 0
    metrics = json.loads((tmp_path / "test_metrics.json").read_text())
    assert {"pretrain": "test/retrieval/r_at_5", "lvef": "test/lvef_percent/mae"}[path.stem] in metrics


@pytest.mark.slow
@pytest.mark.parametrize("path", [p for p in FILES if p.parent.name == "pretrain"], ids=lambda p: p.stem)
def test_a_full_size_configuration_takes_a_step(path: Path, cohort: Cohort, tmp_path: Path) -> None:
    smaller = {
        "trainer.fast_dev_run": "true",
        "data.init_args.batch_size": 2,
        "data.init_args.num_workers": 0,
        "data.init_args.studies_per_eval_batch": 1,
        "model.init_args.text_encoder.init_args.source": TOKENIZER,
        "model.init_args.kinetics_weights": "null",
    }
    arguments = options(cohort, tmp_path, **{**of_kind(path, cohort), **smaller})
    assert main(["fit", "--config", str(path), *arguments]) == 0


def test_shad_holds_the_papers_values() -> None:
    path = next(p for p in FILES if p.stem == "shad")
    config = parse_only(["fit", "--config", str(path)]).config["fit"].as_dict()
    model, data = config["model"]["init_args"], config["data"]["init_args"]
    assert (config["trainer"]["devices"], config["trainer"]["max_epochs"], data["batch_size"]) == (4, 600, 32)
    optimizer = model["optimizer"]["init_args"]
    assert {name: optimizer[name] for name in ("lr", "weight_decay", "eps")} == {
        "lr": 4.8e-5,
        "weight_decay": 1e-6,
        "eps": 1e-8,
    }
    schedule = model["lr_scheduler"]["init_args"]
    assert (schedule["milestones"], schedule["gamma"]) == ([300], 0.1)
    assert (model["flood_level"], model["embed_dim"], data["n_sentences"]) == (0.05, 512, 5)
    assert model["text_encoder"]["init_args"]["frozen_layers"] == 6
    assert (data["clip"]["n_frames"], data["clip"]["size"]) == (16, 224)
    keepers = [c["init_args"] for c in config["trainer"]["callbacks"] if "Checkpoint" in c["class_path"]]
    assert [keeper["every_n_epochs"] for keeper in keepers] == [10, None]
    assert (keepers[1]["monitor"], keepers[1]["mode"]) == ("val/retrieval/r_at_5", "max")
    assert data["augmentation"]["class_path"].endswith(".CropAugMix")


def test_a_head_learns_from_the_frozen_encoder_and_predicts_a_store(cohort: Cohort, tmp_path: Path) -> None:
    path = next(p for p in FILES if p.stem == "lvef")
    more = {**of_kind(path, cohort), "trainer.max_epochs": 60, "trainer.check_val_every_n_epoch": 30}
    throughput = "--trainer.callbacks+=cmr_clip.training.callbacks.Throughput"  # counts features as clips
    arguments = ["--config", str(path), *options(cohort, tmp_path / "run", **more), throughput]
    assert main(["fit", *arguments]) == 0
    assert "train/clips_per_s" in pd.read_csv(tmp_path / "run" / "metrics.csv")
    checkpoint = str(tmp_path / "run" / "checkpoints" / "last.ckpt")
    assert main(["test", *arguments, "--ckpt_path", checkpoint]) == 0
    metrics = json.loads((tmp_path / "run" / "test_metrics.json").read_text())
    assert metrics["test/lvef_percent/mae"] < 0.8 * metrics["test/lvef_percent/mae_mean_predictor"]
    assert main(["predict", *arguments, "--ckpt_path", checkpoint]) == 0
    predictions = pd.read_csv(tmp_path / "run" / "predictions.csv", dtype={"study": str, "patient": str})
    assert sorted(predictions["study"]) == sorted(cohort.studies)
    attention = pd.read_csv(tmp_path / "run" / "attention.csv", dtype={"study": str})
    assert attention.groupby("study")["weight"].sum().tolist() == pytest.approx([1.0] * len(cohort.studies), abs=1e-5)


def test_an_interrupted_fit_goes_on_where_it_stopped(cohort: Cohort, tmp_path: Path) -> None:
    path = next(p for p in FILES if p.stem == "lvef")
    kind = of_kind(path, cohort)
    for root, epochs in (("whole", (40,)), ("parts", (20, 40))):
        for last in epochs:
            more = {**kind, "trainer.max_epochs": last, "trainer.check_val_every_n_epoch": 20}
            arguments = options(cohort, tmp_path / root, **more)
            assert main(["fit", "--config", str(path), *arguments, "--ckpt_path", "last"]) == 0
    states = [
        torch.load(tmp_path / root / "checkpoints" / "last.ckpt", weights_only=True) for root in ("whole", "parts")
    ]
    assert states[0]["global_step"] == states[1]["global_step"]
    assert pd.read_csv(tmp_path / "parts" / "metrics.csv")["epoch"].tolist() == list(range(40))
