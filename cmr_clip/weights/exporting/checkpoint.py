"""From whatever holds weights to a folder that others can load."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cmr_clip.weights.authors import with_legacy_positions
from cmr_clip.weights.exporting.export import export_weights
from cmr_clip.weights.exporting.onnx import OnnxReport, export_onnx
from cmr_clip.weights.sources import read_source
from cmr_clip.weights.video import load_pretrained

__all__ = ["Exported", "export_checkpoint"]


@dataclass(frozen=True)
class Exported:
    """What an export wrote.

    Attributes:
        files: the folder's files, without the ONNX model.
        onnx: the ONNX model, None where none was asked for.
        onnx_report: how far it is from torch.
    """

    files: tuple[Path, ...]
    onnx: Path | None = None
    onnx_report: OnnxReport | None = None


def export_checkpoint(
    checkpoint: Path,
    out: Path,
    *,
    licence: str | None = None,
    notes: str | None = None,
    legacy_positions: Path | None = None,
    with_onnx: bool = False,
) -> Exported:
    """Write weights as safetensors with their description, preprocessing and a model card.

    Args:
        checkpoint: of `cmr-clip fit` or of the paper's authors, or an exported folder.
        out: folder to write.
        licence: of the weights, for the card.
        notes: Markdown for the card: training data and limits.
        legacy_positions: Kinetics file; for the authors' contrastive checkpoint only, to reproduce their numbers.
        with_onnx: also write the video encoder as `model.onnx`, and compare it with torch.

    Raises:
        CmrClipError: the weights cannot be read, or do not belong to a model that is known.
    """
    weights = read_source(checkpoint)
    if legacy_positions is not None:
        weights = with_legacy_positions(weights, legacy_positions)
    files = tuple(export_weights(weights, out, licence=licence, notes=notes))
    if not with_onnx:
        return Exported(files)
    model = out / "model.onnx"
    return Exported(files, model, export_onnx(load_pretrained(out)[0], model))
