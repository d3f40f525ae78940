"""What is particular to weights of the paper's authors: views, licence, and two tensors that their loader loses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from cmr_clip.encoders.protocol import ENCODER
from cmr_clip.errors import CheckpointMismatchError, CmrClipError
from cmr_clip.weights.sources import Weights, read_source

__all__ = ["AUTHORS_VIEWS", "LEGACY_NOTE", "LICENCE", "ORIGINS", "POSITIONS", "with_legacy_positions"]

ORIGINS = ("authors_contrastive", "authors_finetuned")
AUTHORS_VIEWS = ("2CH", "3CH", "4CH", "SAX")
LICENCE = "cc-by-nc-4.0"

POSITIONS = tuple(f"{ENCODER}cls_positional_encoding.pos_embed_{axis}" for axis in ("spatial", "temporal"))
"""The two tensors that their loader leaves as the Kinetics file has them."""

LEGACY_NOTE = (
    "the authors' published numbers were made with the positional embeddings of the Kinetics file, which "
    "their loader leaves in place; legacy_positional_embeddings=FILE reproduces them"
)


def with_legacy_positions(weights: Weights, kinetics: Path) -> Weights:
    """Replace the spatial and temporal positional embeddings, as the authors' loader does by mistake.

    Raises:
        CmrClipError: the weights are not the authors' contrastive ones.
        CheckpointMismatchError: the Kinetics file is of another clip shape.
    """
    if weights.origin != "authors_contrastive":
        raise CmrClipError(
            f"legacy_positional_embeddings is for the authors' contrastive checkpoint; {weights.path} is "
            f"{weights.origin}",
            "leave it out: only that loader loses the embeddings, all other files hold the ones they were used with",
        )
    other = read_source(kinetics)
    if not set(POSITIONS) <= set(other.state):
        raise CheckpointMismatchError(f"{kinetics} holds no positional embeddings of an mViT", "give a Kinetics file")
    for name in POSITIONS:
        if other.state[name].shape != weights.state[name].shape:
            raise CheckpointMismatchError(
                f"{kinetics}: {name} has shape {tuple(other.state[name].shape)}, the checkpoint's has "
                f"{tuple(weights.state[name].shape)}",
                "give the Kinetics file of the same number of frames",
            )
    return replace(
        weights,
        state={**weights.state, **{name: other.state[name] for name in POSITIONS}},
        described={**weights.described, "legacy_positional_embeddings": True},
    )
