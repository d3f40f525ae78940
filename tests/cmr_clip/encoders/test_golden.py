"""The authors' network from a checkpoint file: features, embeddings, logits, predictions and attention."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cmr_clip import load_pretrained, load_study_model
from tests.support.reference import shared
from tests.support.weights import fill, save

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def golden() -> dict[str, Any]:
    return json.loads(shared("reference/golden/mvit_b_16x4.json").read_text())


@pytest.fixture(scope="module")
def clips(golden: dict[str, Any]) -> torch.Tensor:
    return torch.from_numpy(np.random.RandomState(golden["seed"]).rand(3, 3, 16, 224, 224).astype(np.float32))


def checkpoint(path: Path, layernorm: bool) -> Path:
    """A file with the published names and shapes, filled as the shared material says."""
    lines = shared("reference/golden/checkpoint_keys.txt").read_text().splitlines()
    shapes = {name: json.loads(f"[{shape.strip('(),')}]") for name, shape in (line.split("\t") for line in lines)}
    names = [name for name in shapes if layernorm or "layernorm" not in name]
    state = {name: fill(name, tuple(shapes[name])) for name in names}
    state["classif_loss.pos_weight"] = torch.tensor(2.0)
    return save(path, state, hyper_parameters={"frames": 16, "layernorm": layernorm})


def assert_like(values: torch.Tensor, wanted: dict[str, Any]) -> None:
    assert list(values.shape) == wanted["shape"]
    np.testing.assert_allclose(values.flatten()[:6], wanted["first"], atol=1e-5, rtol=0)
    np.testing.assert_allclose(values.flatten()[-3:], wanted["last"], atol=1e-5, rtol=0)
    assert abs(float(values.mean()) - wanted["mean"]) < 1e-6
    assert abs(float(values.std(correction=0)) - wanted["std"]) < 1e-5
    assert abs(float(values.abs().max()) - wanted["absmax"]) < 1e-5


@pytest.mark.parametrize(("layernorm", "tensors"), [(True, 391), (False, 389)])
def test_every_number_of_the_original_network(
    layernorm: bool, tensors: int, golden: dict[str, Any], clips: torch.Tensor, tmp_path: Path
) -> None:
    path = checkpoint(tmp_path / "golden.ckpt", layernorm)
    model, receipt = load_study_model(path)
    assert (len(receipt.loaded), receipt.missing, receipt.unexpected) == (tensors, (), ())
    assert (receipt.ignored, model.video_encoder.config["pool_norm_eps"]) == (("classif_loss.pos_weight",), 1e-5)
    with torch.no_grad():
        result = model(clips)
    wanted = golden["classification_mil" if layernorm else "regression_mil"]
    assert float(result.logit) == pytest.approx(wanted["logit"], abs=1e-5)
    score = wanted["probability"] if layernorm else wanted["prediction"]
    assert float(result.score) == pytest.approx(score, abs=1e-5 if layernorm else 1e-4)
    np.testing.assert_allclose(result.attention, wanted["attention"], atol=1e-5, rtol=0)
    if not layernorm:
        return
    video, receipt = load_pretrained(path)
    assert (len(receipt.loaded), receipt.missing, receipt.unexpected) == (377, (), ())
    with torch.no_grad():
        features = video.features(clips)
        embeddings = video(clips)
    assert_like(features, golden["feature_768"])
    assert_like(embeddings, golden["embedding_512"])


def test_the_variant_for_32_frames(tmp_path: Path) -> None:
    lines = shared("reference/golden/checkpoint_keys.txt").read_text().splitlines()
    prefix = "model.video_encoder."
    shapes = dict(line.removeprefix(prefix).split("\t") for line in lines if line.startswith(prefix))
    shapes["cls_positional_encoding.pos_embed_temporal"] = "(1, 16, 96)"
    state = {name: fill(prefix + name, tuple(json.loads(f"[{s.strip('(),')}]"))) for name, s in shapes.items()}
    torch.save({"model_state": state}, tmp_path / "MVIT_B_32x3.pyth")
    model, receipt = load_pretrained(tmp_path / "MVIT_B_32x3.pyth")
    assert (receipt.origin, len(receipt.loaded), receipt.unexpected) == ("pytorchvideo", 375, ())
    assert model.video_encoder.clip_shape == (32, 224, 224)
    assert (model.preprocessing.n_frames, model.preprocessing.size) == (32, 224)
    with torch.no_grad():
        features = model.features(torch.rand(1, 3, 32, 224, 224))
    assert features.shape == (1, 768)
    assert features.isfinite().all()
