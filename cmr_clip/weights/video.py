"""Any pretrained video encoder as a ready model, with a receipt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from cmr_clip.encoders.protocol import ClipShape
from cmr_clip.errors import CheckpointMismatchError
from cmr_clip.models.video_model import Projection, VideoModel
from cmr_clip.weights.assemble import empty_encoder, fill, resized, wanted_shape
from cmr_clip.weights.authors import LEGACY_NOTE, POSITIONS, with_legacy_positions
from cmr_clip.weights.receipt import LoadReport
from cmr_clip.weights.sources import Weights, read_source

__all__ = ["build_video_model", "load_pretrained"]

_PROJECTION = "video_proj."


def load_pretrained(
    path: str | Path,
    *,
    clip_shape: Sequence[int] | None = None,
    n_frames: int | None = None,
    size: int | None = None,
    legacy_positional_embeddings: str | Path | None = None,
    random_projection: bool = False,
    embed_dim: int = 512,
) -> tuple[VideoModel, LoadReport]:
    """Load a video encoder, with its projection where it has one, from whatever file holds it.

    Known are checkpoints of `cmr-clip fit`, folders of `cmr-clip export`, and what registered encoders recognise: for
    mViT the contrastive and fine-tuned Lightning checkpoints of the paper's authors, and the Kinetics weights of
    pytorchvideo (`MVIT_B_16x4.pyth`, `MVIT_B_32x3_….pyth`) and torchvision (`mvit_v1_b`). Kinetics weights have no
    projection: their model gives `features`, and refuses to embed.

    The authors' own loader loses two tensors of their contrastive checkpoint, the spatial and the temporal
    positional embedding; their published numbers were made with those of the Kinetics file. This loader takes all
    tensors of the checkpoint; `legacy_positional_embeddings` reproduces theirs. Their fine-tuned checkpoints
    hold the embeddings they were used with and need nothing.

    Args:
        path: a file or an exported folder.
        clip_shape: (T, H, W) of the clips to take, if another than the weights were trained on; an mViT's positional
            embeddings are interpolated, other kinds of encoders may refuse.
        n_frames: T alone.
        size: H = W alone.
        legacy_positional_embeddings: Kinetics file whose spatial and temporal embeddings replace the checkpoint's.
        random_projection: fill the missing projection of such weights at random (always the same).
        embed_dim: E of such a projection.

    Returns:
        The model in evaluation mode, and the receipt.

    Raises:
        CmrClipError: not readable, or the arguments do not suit the file.
        CheckpointMismatchError: nothing in it, or only a part of it, is a known encoder.
    """
    weights = read_source(path)
    replaced: tuple[str, ...] = ()
    if legacy_positional_embeddings is not None:
        weights = with_legacy_positions(weights, Path(legacy_positional_embeddings))
        replaced = POSITIONS
    shape = wanted_shape(weights.encoder.clip_shape, clip_shape, n_frames, size)
    model, report = build_video_model(weights, shape, random_projection=random_projection, embed_dim=embed_dim)
    return model, replace(report, replaced=replaced, notes=_notes(weights, bool(replaced)))


def build_video_model(
    weights: Weights, shape: ClipShape | None = None, *, random_projection: bool = False, embed_dim: int = 512
) -> tuple[VideoModel, LoadReport]:
    """The model of weights that were read already; see `load_pretrained`.

    Args:
        weights: of any origin.
        shape: (T, H, W), if another than the weights were trained on.
        random_projection: fill a missing projection.
        embed_dim: E of such a projection.
    """
    change = resized(weights, shape or weights.encoder.clip_shape)
    model = _empty_model(change.weights, random_projection, embed_dim)
    state, fresh = change.weights.state, tuple[str, ...]()
    if model.projection != "trained":  # it stays as the model's own random start has it
        own = {name: value for name, value in model.state_dict().items() if name.startswith(_PROJECTION)}
        state, fresh = {**state, **own}, tuple(own)
    report = fill(model, state, change.weights)
    report = replace(
        report,
        loaded=tuple(name for name in report.loaded if name not in fresh),
        missing=fresh if model.projection == "none" else (),
        untrained=fresh if model.projection == "random" else (),
        interpolated=change.interpolated,
    )
    return model.eval(), report


def _empty_model(weights: Weights, random_projection: bool, embed_dim: int) -> VideoModel:
    projection: Projection = "trained" if weights.has_projection else "random" if random_projection else "none"
    if weights.has_projection:
        name = f"{_PROJECTION}weight"
        if name not in weights.state:
            raise CheckpointMismatchError(
                f"{weights.path} has a projection of several layers or a part of one: it has no {name}",
                "projections of one layer are known (the authors' proj_layers: 1)",
            )
        embed_dim = int(weights.state[name].shape[0])
    with torch.random.fork_rng(devices=[]):  # the caller's random numbers neither change nor matter
        torch.manual_seed(0)
        return VideoModel(empty_encoder(weights), embed_dim, weights.preprocessing, projection)


def _notes(weights: Weights, legacy: bool) -> tuple[str, ...]:
    if weights.origin == "authors_contrastive" and not legacy:
        return (LEGACY_NOTE,)
    if not weights.has_projection:
        return ("these weights have no projection: features are trained, embeddings are not",)
    return ()
