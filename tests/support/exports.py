"""Checkpoints to export, and folders of exported weights."""

from __future__ import annotations

from pathlib import Path

from cmr_clip.weights.exporting.export import export_weights
from cmr_clip.weights.sources import read_source
from tests.support.weights import contrastive_model, save_contrastive

ABSENT = "./absent-bert"  # a folder that is not there; a hub name would be looked for on the network


def described_pair(path: Path, source: str = ABSENT) -> Path:
    """A checkpoint of both towers, its tokenizer named by a source."""
    model = contrastive_model()
    model.text_encoder.source = source
    return save_contrastive(path, model)


def export_folder(path: Path, out: Path, **more: str) -> Path:
    """The folder that a checkpoint's weights are exported to."""
    export_weights(read_source(path), out, **more)
    return out
