"""Both towers of a contrastive checkpoint: what zero-shot and retrieval need."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch

from cmr_clip.clips.spec import ClipSpec
from cmr_clip.encoders.bert import BertTextEncoder
from cmr_clip.errors import CmrClipError
from cmr_clip.models.towers import ContrastiveModel
from cmr_clip.weights.assemble import empty_encoder, fill
from cmr_clip.weights.sources import Weights, read_source

__all__ = ["LoadedPair", "build_pair", "load_contrastive"]


class LoadedPair(NamedTuple):
    """Both towers and what is needed to feed them.

    Attributes:
        model: in evaluation mode.
        preprocessing: how a cine becomes a clip.
        tokenizer: source of the tokenizer, as `preprocess.reports.tokenizer.load_tokenizer` takes it.
    """

    model: ContrastiveModel
    preprocessing: ClipSpec
    tokenizer: str


def load_contrastive(path: str | Path) -> LoadedPair:
    """Load the video and the text tower from a checkpoint of contrastive pretraining or its exported folder.

    Nothing but the file is read: the checkpoint holds the BERT's weights and its description.

    Raises:
        CmrClipError: the file has no text tower, or does not describe it.
        CheckpointMismatchError: tensors are missing or of another shape.
    """
    return build_pair(read_source(path))


def build_pair(weights: Weights) -> LoadedPair:
    """Both towers of weights that were read already; see `load_contrastive`."""
    described = weights.described.get("text_encoder")
    if not isinstance(described, dict):
        if any(name.startswith("text_encoder.") for name in weights.state):
            raise CmrClipError(
                f"{weights.path} holds a text tower but does not describe it: it was written by an older version",
                "go on training for an epoch with this version (cmr-clip fit --ckpt_path …), or use the video tower "
                "alone",
            )
        raise CmrClipError(
            f"{weights.path} holds no text tower ({weights.origin})", "give a checkpoint of contrastive pretraining"
        )
    with torch.random.fork_rng(devices=[]):  # random weights that are replaced must not change the caller's numbers
        text = BertTextEncoder.from_description(described)
        model = ContrastiveModel(empty_encoder(weights), text, int(weights.described["embed_dim"]))
    fill(model, weights.state, weights)
    source = described["source"] if weights.tokenizer is None else str(weights.tokenizer)
    return LoadedPair(model.eval(), weights.preprocessing, source)
