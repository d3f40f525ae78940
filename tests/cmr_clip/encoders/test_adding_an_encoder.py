"""Adding an encoder is local: a network that the library does not know goes through every command."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
import torch

from cmr_clip import from_pretrained, load_contrastive, load_pretrained
from cmr_clip.cli import main
from cmr_clip.clips.spec import ClipSpec
from tests.support.cohort import Cohort
from tests.support.tiny_encoder import CLIP_SHAPE, TinyConv, foreign_file, tiny_recipe
from tests.support.weights import random_clips

pytestmark = pytest.mark.usefixtures("tiny_is_known")


def test_a_checkpoint_of_fit_states_its_kind_and_loads(tiny_checkpoint: Path) -> None:
    described = torch.load(tiny_checkpoint, weights_only=True)["cmr_clip"]["video_encoder"]
    assert described == {"kind": "TinyConv", "clip_shape": [6, 40, 40], "width": 5, "features": 9}
    model, receipt = load_pretrained(tiny_checkpoint)
    assert isinstance(model.video_encoder, TinyConv)
    assert (receipt.origin, receipt.missing, receipt.unexpected) == ("cmr_clip", (), ())
    assert "two convolutions of 5 and 9 channels" in str(receipt)
    assert (model.features(random_clips(shape=CLIP_SHAPE)).shape, model(random_clips(shape=CLIP_SHAPE)).shape) == (
        (2, 9),
        (2, 16),
    )
    assert isinstance(load_contrastive(tiny_checkpoint).model.video_encoder, TinyConv)


def test_another_projects_file_loads_under_our_names(tmp_path: Path) -> None:
    path = foreign_file(tmp_path / "tiny.pth")
    model, receipt = load_pretrained(path)
    assert (receipt.origin, receipt.ignored, len(receipt.loaded)) == ("tiny_project", ("decoder.w",), 4)
    assert model.preprocessing == ClipSpec(n_frames=6, size=40, mean=0.5, std=0.5)
    torch.manual_seed(3)
    torch.testing.assert_close(
        model.features(random_clips(shape=CLIP_SHAPE)), TinyConv(width=5, features=9)(random_clips(shape=CLIP_SHAPE))
    )


def test_a_store_embeds_and_an_export_loads_everywhere(tiny_checkpoint: Path, cohort: Cohort, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(["export", "--checkpoint", str(tiny_checkpoint), "--out", str(out)]) == 0
    config = json.loads((out / "config.json").read_text())
    assert config["video_encoder"]["kind"] == "TinyConv"
    card = (out / "README.md").read_text()
    assert "two convolutions of 5 and 9 channels, for clips of 6 frames of 40 × 40 pixels, 9 features" in card
    tables = []
    for place in (tiny_checkpoint, out):
        arguments = ["embed", "--checkpoint", str(place), "--store", str(cohort.store), "--out", str(tmp_path / "e.pq")]
        assert main(arguments) == 0
        tables.append(pd.read_parquet(tmp_path / "e.pq"))
    pd.testing.assert_frame_equal(*tables)
    wanted = load_pretrained(tiny_checkpoint)[0](random_clips(shape=CLIP_SHAPE))
    assert torch.equal(load_pretrained(out)[0](random_clips(shape=CLIP_SHAPE)), wanted)
    assert torch.equal(from_pretrained(out)(random_clips(shape=CLIP_SHAPE)), wanted)


@pytest.mark.slow
def test_onnx(tiny_checkpoint: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    assert main(["export", "--checkpoint", str(tiny_checkpoint), "--out", str(tmp_path / "out"), "--onnx"]) == 0
    assert (tmp_path / "out" / "model.onnx").exists()


def test_fine_tuning_starts_from_it(tiny_checkpoint: Path, cohort: Cohort, tmp_path: Path) -> None:
    head = {"class_path": "cmr_clip.models.heads.BinaryHead", "init_args": {"target": "dilated"}}
    path = tiny_recipe(
        tmp_path / "tuned.yaml",
        "finetuning.StudyFinetuning",
        {"heads": [head], "embed_dim": 16, "hidden": 8, "encoder_checkpoint": str(tiny_checkpoint)},
        "bag_module.StudyBagDataModule",
        {"store": str(cohort.store), "labels": str(cohort.labels), "splits": str(cohort.splits), "batch_size": 5},
    )
    assert main(["fit", "--config", str(path)]) == 0
    tuned = torch.load(tmp_path / "tuned" / "checkpoints" / "last.ckpt", weights_only=True)
    before = torch.load(tiny_checkpoint, weights_only=True)["state_dict"]
    names = [name for name in before if name.startswith("model.video_encoder.")]
    assert len(names) == 4
    assert all(torch.equal(tuned["state_dict"][name], before[name]) for name in names)  # the encoder is frozen
    assert tuned["cmr_clip"]["video_encoder"]["kind"] == "TinyConv"
