"""The video encoder as ONNX, checked against torch before it is kept."""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from cmr_clip.errors import CmrClipError
from cmr_clip.models.video_model import VideoModel
from preprocess.system.files import replacing

__all__ = ["OnnxReport", "export_onnx"]

_PACKAGES = ("onnx", "onnxscript", "onnxruntime")
_TOLERANCE = 1e-4


@dataclass(frozen=True)
class OnnxReport:
    """The largest absolute difference between ONNX Runtime and torch, on random clips of two batch sizes."""

    features: float
    embeddings: float


class _Outputs(nn.Module):
    """Features and embeddings from one pass."""

    def __init__(self, model: VideoModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, clips: Tensor) -> tuple[Tensor, Tensor]:
        """Clips `[B, 3, T, H, W]` to features `[B, D]` and embeddings `[B, E]`."""
        features = self.model.features(clips)
        return features, self.model.project(features)


def export_onnx(model: VideoModel, path: Path, tolerance: float = _TOLERANCE) -> OnnxReport:
    """Write `clips [batch, 3, T, H, W]` → `features [batch, D]`, `embeddings [batch, E]` with any batch size.

    Args:
        model: on the CPU, with a trained projection.
        path: file to write; it appears only when it computes what the model computes.
        tolerance: largest absolute difference allowed.

    Raises:
        CmrClipError: packages are missing, or the result differs.
    """
    missing = [name for name in _PACKAGES if find_spec(name) is None]
    if missing:
        raise CmrClipError(f"ONNX export needs {', '.join(missing)}", "pip install 'cmr-clip[onnx]'")
    wrapped = _Outputs(model).eval()
    shape = model.video_encoder.clip_shape
    generator = torch.Generator().manual_seed(0)
    batches = [torch.randn(count, 3, *shape, generator=generator) for count in (2, 1)]
    with replacing(path) as temporary:
        _write(wrapped, batches[0], temporary)
        report = _compare(wrapped, batches, temporary)
        if max(report.features, report.embeddings) > tolerance:
            raise CmrClipError(
                f"ONNX Runtime differs from torch by {report.features:.1e} (features), {report.embeddings:.1e} "
                f"(embeddings); allowed are {tolerance:.0e}",
                "update torch, onnxscript and onnxruntime",
            )
    return report


def _write(module: nn.Module, clips: Tensor, path: Path) -> None:
    """Trace with clips `[B, 3, T, H, W]`, the batch left open."""
    exporter = logging.getLogger("torch.onnx")
    level = exporter.level
    exporter.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # the exporter's own, about its insides
            torch.onnx.export(
                module,
                (clips,),
                str(path),
                dynamo=True,
                external_data=False,
                input_names=["clips"],
                output_names=["features", "embeddings"],
                dynamic_shapes=({0: torch.export.Dim("batch", min=1)},),
                verbose=False,
            )
    finally:
        exporter.setLevel(level)


def _compare(module: nn.Module, batches: list[Tensor], path: Path) -> OnnxReport:
    """Run both on batches of clips, each `[B, 3, T, H, W]`."""
    from onnxruntime import InferenceSession

    session = InferenceSession(str(path), providers=["CPUExecutionProvider"])
    batch = session.get_inputs()[0].shape[0]
    if not isinstance(batch, str):  # the exporter falls back to a fixed size without an error
        raise CmrClipError(
            f"the ONNX graph takes batches of {batch} only", "report it with the versions of torch and onnx"
        )
    worst = [0.0, 0.0]
    for clips in batches:
        with torch.no_grad():
            wanted = module(clips)
        found = session.run(["features", "embeddings"], {"clips": clips.numpy()})
        for index, (ours, torchs) in enumerate(zip(found, wanted, strict=True)):
            worst[index] = max(worst[index], float(np.abs(ours - torchs.numpy()).max()))
    return OnnxReport(*worst)
