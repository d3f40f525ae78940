"""Any pretrained video encoder as a ready model, with a receipt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from cmr_clip.clips.spec import ClipSpec
from cmr_clip.encoders.mvit.mvit import MViT
from cmr_clip.encoders.mvit.positions import Grid
from cmr_clip.errors import CheckpointMismatchError, CmrClipError
from cmr_clip.models.towers import VideoTower
from cmr_clip.weights.assemble import empty_encoder, fill, resized, wanted_shape
from cmr_clip.weights.receipt import LoadReport
from cmr_clip.weights.sources import Weights, read_source

__all__ = ["Projection", "VideoModel", "build_video_model", "load_pretrained", "with_legacy_positions"]

Projection = Literal["trained", "random", "none"]
"""State of the projection into the shared space: as it came with the weights, filled at random on request, or
absent (Kinetics weights have none)."""

_PROJECTION = "video_proj."
_POSITIONS = tuple(f"video_encoder.cls_positional_encoding.pos_embed_{axis}" for axis in ("spatial", "temporal"))


class VideoModel(VideoTower):
    """A pretrained video tower that knows its preprocessing.

    `model(clips)` takes `[B, 1 or 3, T, H, W]`, preprocessed, to L2-normalised embeddings `[B, E]`;
    `model.features(clips)` to the encoder's features `[B, D]`.

    Args:
        video_encoder: the encoder.
        embed_dim: E.
        preprocessing: how a cine becomes a clip for this encoder.
        projection: whether embeddings mean anything.

    Attributes:
        preprocessing: as given.
        projection: as given.
    """

    def __init__(
        self, video_encoder: MViT, embed_dim: int, preprocessing: ClipSpec, projection: Projection = "trained"
    ) -> None:
        super().__init__(video_encoder, embed_dim)
        self.preprocessing = preprocessing
        self.projection: Projection = projection

    def project(self, features: Tensor) -> Tensor:
        """Features `[B, D]` to L2-normalised embeddings `[B, E]`.

        Raises:
            CmrClipError: the weights came without a projection.
        """
        if self.projection == "none":
            raise CmrClipError(
                "these weights have no projection into the embedding space: they were never trained with reports",
                "use model.features(clips), or load them with random_projection=True to train one",
            )
        return super().project(features)


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

    Known are checkpoints of `cmr-clip fit`, folders of `cmr-clip export`, the contrastive and fine-tuned Lightning
    checkpoints of the paper's authors, and mViT-B Kinetics weights of pytorchvideo (`MVIT_B_16x4.pyth`,
    `MVIT_B_32x3_….pyth`) and torchvision (`mvit_v1_b`). Kinetics weights have no projection: their model gives
    `features`, and refuses to embed.

    The authors' own loader loses two tensors of their contrastive checkpoint, the spatial and the temporal
    positional embedding; their published numbers were made with those of the Kinetics file. This loader takes all
    tensors of the checkpoint; `legacy_positional_embeddings` reproduces theirs. Their fine-tuned checkpoints
    hold the embeddings they were used with and need nothing.

    Args:
        path: a file or an exported folder.
        clip_shape: (T, H, W) of the clips to take, if another than the weights were trained on; the positional
            embeddings are interpolated.
        n_frames: T alone.
        size: H = W alone.
        legacy_positional_embeddings: Kinetics file whose spatial and temporal embeddings replace the checkpoint's.
        random_projection: fill the missing projection of Kinetics weights at random (always the same).
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
        replaced = _POSITIONS
    shape = wanted_shape(weights.encoder["clip_shape"], clip_shape, n_frames, size)
    model, report = build_video_model(weights, shape, random_projection=random_projection, embed_dim=embed_dim)
    return model, replace(report, replaced=replaced, notes=_notes(weights, bool(replaced)))


def build_video_model(
    weights: Weights, shape: Grid | None = None, *, random_projection: bool = False, embed_dim: int = 512
) -> tuple[VideoModel, LoadReport]:
    """The model of weights that were read already; see `load_pretrained`.

    Args:
        weights: of any origin.
        shape: (T, H, W), if another than the weights were trained on.
        random_projection: fill a missing projection.
        embed_dim: E of such a projection.
    """
    change = resized(weights, shape or wanted_shape(weights.encoder["clip_shape"], None, None, None))
    model = _empty_model(change.weights, random_projection, embed_dim)
    state, fresh = _with_projection(change.weights, model)
    report = fill(model, state, change.weights)
    report = replace(
        report,
        loaded=tuple(name for name in report.loaded if name not in fresh),
        missing=fresh if model.projection == "none" else (),
        untrained=fresh if model.projection == "random" else (),
        interpolated=change.names,
    )
    return model.eval(), report


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
    for name in _POSITIONS:
        if other.state[name].shape != weights.state[name].shape:
            raise CheckpointMismatchError(
                f"{kinetics}: {name} has shape {tuple(other.state[name].shape)}, the checkpoint's has "
                f"{tuple(weights.state[name].shape)}",
                "give the Kinetics file of the same number of frames",
            )
    return replace(
        weights,
        state={**weights.state, **{name: other.state[name] for name in _POSITIONS}},
        described={**weights.described, "legacy_positional_embeddings": True},
    )


def _empty_model(weights: Weights, random_projection: bool, embed_dim: int) -> VideoModel:
    projection: Projection = "trained" if weights.has_projection else "random" if random_projection else "none"
    if weights.has_projection:
        embed_dim = _embed_dim(weights)
    with torch.random.fork_rng(devices=[]):  # the caller's random numbers neither change nor matter
        torch.manual_seed(0)
        return VideoModel(empty_encoder(weights), embed_dim, weights.preprocessing, projection)


def _embed_dim(weights: Weights) -> int:
    name = f"{_PROJECTION}weight"
    if name not in weights.state:
        raise CheckpointMismatchError(
            f"{weights.path} has a projection of several layers or a part of one: it has no {name}",
            "projections of one layer are known (the authors' proj_layers: 1)",
        )
    return int(weights.state[name].shape[0])


def _with_projection(weights: Weights, model: VideoModel) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The state to load, and the names in it that come from the model's own random start."""
    if weights.has_projection:
        return weights.state, ()
    own = {name: value for name, value in model.state_dict().items() if name.startswith(_PROJECTION)}
    return {**weights.state, **own}, tuple(own)


def _notes(weights: Weights, legacy: bool) -> tuple[str, ...]:
    if weights.origin == "authors_contrastive" and not legacy:
        return (
            "the authors' published numbers were made with the positional embeddings of the Kinetics file, which "
            "their loader leaves in place; legacy_positional_embeddings=FILE reproduces them",
        )
    if not weights.has_projection:
        return ("Kinetics weights have no projection: features are trained, embeddings are not",)
    return ()
