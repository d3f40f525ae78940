"""Weights in and out: files, receipts, loaders, exports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preprocess.faces import face

if TYPE_CHECKING:
    from cmr_clip.weights.authors import with_legacy_positions as with_legacy_positions
    from cmr_clip.weights.exporting.checkpoint import Exported as Exported
    from cmr_clip.weights.exporting.checkpoint import export_checkpoint as export_checkpoint
    from cmr_clip.weights.exporting.export import export_weights as export_weights
    from cmr_clip.weights.exporting.onnx import OnnxReport as OnnxReport
    from cmr_clip.weights.exporting.onnx import export_onnx as export_onnx
    from cmr_clip.weights.fine_tuned import load_study_model as load_study_model
    from cmr_clip.weights.hub import fetch as fetch
    from cmr_clip.weights.hub import from_pretrained as from_pretrained
    from cmr_clip.weights.pair import LoadedPair as LoadedPair
    from cmr_clip.weights.pair import load_contrastive as load_contrastive
    from cmr_clip.weights.receipt import LoadReport as LoadReport
    from cmr_clip.weights.sources import Weights as Weights
    from cmr_clip.weights.sources import read_source as read_source
    from cmr_clip.weights.video import load_pretrained as load_pretrained
else:
    __all__, __getattr__, __dir__ = face(
        __name__,
        authors="with_legacy_positions",
        exporting__checkpoint="Exported export_checkpoint",
        exporting__export="export_weights",
        exporting__onnx="OnnxReport export_onnx",
        hub="fetch from_pretrained",
        pair="LoadedPair load_contrastive",
        receipt="LoadReport",
        sources="Weights read_source",
        fine_tuned="load_study_model",
        video="load_pretrained",
    )
