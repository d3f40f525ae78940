"""The video encoder as ONNX: the same numbers, or no file."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from cmr_clip import load_pretrained
from cmr_clip.cli import main
from cmr_clip.errors import CmrClipError
from tests.support.exports import described_pair
from tests.support.weights import SMALL


def test_onnx_names_the_extra_when_packages_are_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cmr_clip.weights.exporting import onnx as onnx_export

    monkeypatch.setattr(onnx_export, "find_spec", lambda name: None if name == "onnxruntime" else name)
    model, _ = load_pretrained(described_pair(tmp_path / "pair.ckpt"))
    with pytest.raises(CmrClipError, match=r"needs onnxruntime .*cmr-clip\[onnx\]"):
        onnx_export.export_onnx(model, tmp_path / "model.onnx")


@pytest.mark.slow
def test_onnx_computes_the_same_for_any_batch(tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    path, out = described_pair(tmp_path / "pair.ckpt"), tmp_path / "out"
    assert main(["export", "--checkpoint", str(path), "--out", str(out), "--onnx"]) == 0
    assert sorted(p.suffix for p in out.iterdir() if "onnx" in p.name) == [".onnx"]
    model, _ = load_pretrained(path)
    session = onnxruntime.InferenceSession(str(out / "model.onnx"), providers=["CPUExecutionProvider"])
    for count in (1, 5):
        batch = torch.randn(count, 3, *SMALL)
        features, embeddings = session.run(None, {"clips": batch.numpy()})
        torch.testing.assert_close(torch.from_numpy(features), model.features(batch), atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(torch.from_numpy(embeddings), model(batch), atol=1e-5, rtol=1e-4)


@pytest.mark.slow
def test_onnx_that_differs_is_not_kept(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    from cmr_clip.weights.exporting.onnx import export_onnx

    model, _ = load_pretrained(described_pair(tmp_path / "pair.ckpt"))
    with pytest.raises(CmrClipError, match="differs from torch"):
        export_onnx(model, tmp_path / "model.onnx", tolerance=0)
    assert [p.name for p in tmp_path.iterdir()] == ["pair.ckpt"]
