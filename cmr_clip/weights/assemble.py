"""From weights as read to filled modules: what every loader shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor, nn

from cmr_clip.clips.spec import ClipSpec
from cmr_clip.encoders.mvit.mvit import MViT
from cmr_clip.encoders.mvit.positions import Grid, resize_positions, token_grid
from cmr_clip.errors import CheckpointMismatchError, CmrClipError
from cmr_clip.weights.receipt import LoadReport, require_match
from cmr_clip.weights.sources import Weights

__all__ = ["Resized", "empty_encoder", "fill", "resized", "wanted_shape"]

_CLASS_HEAD = "video_encoder.head."
_FAMILIES = ("video_encoder.", "video_proj.", "classifier_head.", "text_encoder.", "text_proj.")
_KNOWN = (*_FAMILIES, "heads.", "classif_loss.", "log_temperature", "temperature")


@dataclass(frozen=True)
class Resized:
    """Weights brought to a clip shape.

    Attributes:
        weights: with interpolated positional embeddings and the preprocessing of the new shape.
        names: of the interpolated tensors.
    """

    weights: Weights
    names: tuple[str, ...]


def wanted_shape(
    trained: Sequence[int], clip_shape: Sequence[int] | None, n_frames: int | None, size: int | None
) -> Grid:
    """The clip shape that a caller asks for: `clip_shape`, or `n_frames` and `size`, or what the weights have.

    Raises:
        CmrClipError: both ways at once, or no size above zero.
    """
    if clip_shape is not None and (n_frames is not None or size is not None):
        raise CmrClipError("clip_shape is given beside n_frames or size", "give one of the two")
    frames, rows, columns = clip_shape if clip_shape is not None else trained
    shape = (n_frames or frames, size or rows, size or columns)
    if min(shape) < 1:
        raise CmrClipError(f"a clip of {shape} (frames, rows, columns) has no pixels")
    return shape


def resized(weights: Weights, shape: Grid) -> Resized:
    """Interpolate the positional embeddings to another clip shape.

    Raises:
        CmrClipError: the preprocessing of the weights makes other clips than their encoder takes.
        CheckpointMismatchError: the embeddings do not have the shape that the weights say.
    """
    encoder, spec = weights.encoder, weights.preprocessing
    trained = cast(Grid, tuple(encoder["clip_shape"]))
    made = (spec.n_frames, spec.size, spec.size)
    if made != trained and trained[1] == trained[2]:
        raise CheckpointMismatchError(
            f"{weights.path}: its preprocessing makes clips of {made}, its encoder takes {trained}",
            "export or train it again; a preprocessing belongs to one encoder",
        )
    old, new = (token_grid(clip, encoder["patch_stride"]) for clip in (trained, shape))
    state, names = resize_positions(weights.state, old, new)
    changed = replace(
        weights,
        state=state,
        encoder={**encoder, "clip_shape": list(shape)},
        preprocessing=_spec_of(spec, shape),
    )
    return Resized(changed, names)


def _spec_of(spec: ClipSpec, shape: Grid) -> ClipSpec:
    # Rows stand for the side of a clip that is not square; whoever asked for such clips makes them himself.
    return replace(spec, n_frames=shape[0], size=shape[1])


def empty_encoder(weights: Weights) -> MViT:
    """An encoder without values, for `fill`; saves the time and the random numbers of an initialisation.

    Raises:
        CmrClipError: the description has arguments that `MViT` does not know, or lacks some.
    """
    try:
        with torch.device("meta"):
            encoder = MViT(**weights.encoder)
        if {name for name, _ in encoder.named_buffers()} <= set(encoder.state_dict()):
            return encoder
        with torch.random.fork_rng(devices=[]):  # buffers that no file holds must be computed
            return MViT(**weights.encoder)
    except TypeError as error:
        raise CmrClipError(
            f"{weights.path} describes an encoder that this version does not know: {error}", "install a newer cmr-clip"
        ) from error


def fill(module: nn.Module, state: dict[str, Tensor], weights: Weights) -> LoadReport:
    """Load a module's tensors and write the receipt.

    Args:
        module: its tensors carry the names of `state`; it may be without values, and takes over those of `state`.
        state: may hold more than the module wants.
        weights: where `state` came from, for the receipt.

    Raises:
        CheckpointMismatchError: a tensor is missing or of another shape, or the file's model has more parts of a
            kind than the module has.
    """
    wanted = module.state_dict()
    report = require_match(state, wanted, str(weights.path))
    extra = [name for name in report.unexpected if not name.startswith(_CLASS_HEAD)]
    families = {name.split(".")[0] + "." for name in wanted}
    beyond = [name for name in extra if name.startswith(tuple(families & set(_FAMILIES)))]
    if beyond:
        raise CheckpointMismatchError(
            f"{weights.path} is of another model: it has {len(beyond)} tensors that this one has no place for; "
            f"first {beyond[0]}",
            "give a checkpoint of the architecture that its description names",
        )
    module.load_state_dict({name: state[name] for name in wanted}, assign=True)
    known = (*_KNOWN, _CLASS_HEAD)
    return replace(
        report,
        unexpected=tuple(name for name in report.unexpected if not name.startswith(known)),
        ignored=(*weights.ignored, *(name for name in report.unexpected if name.startswith(known))),
        origin=weights.origin,
        pool_norm_eps=weights.pool_norm_eps,
    )
