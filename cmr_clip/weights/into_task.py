"""Weights into modules that a task has built already; `video` builds the module from a file."""

from __future__ import annotations

import logging
from dataclasses import asdict, replace
from pathlib import Path

from torch import Tensor

from cmr_clip.clips.spec import ClipSpec
from cmr_clip.encoders.protocol import ENCODER, VideoEncoder
from cmr_clip.errors import CheckpointMismatchError
from cmr_clip.models.towers import VideoTower
from cmr_clip.weights.assemble import FittedWeights, resized
from cmr_clip.weights.files import errors_of
from cmr_clip.weights.receipt import LoadReport, require_match
from cmr_clip.weights.sources import Weights, read_source

__all__ = ["load_encoder_weights", "load_tower_weights"]

_log = logging.getLogger(__name__)
_PROJECTION = "video_proj."


def load_encoder_weights(encoder: VideoEncoder, path: Path, *, interpolate: bool = False) -> LoadReport:
    """Load the encoder's part of any source into an encoder, for instance Kinetics-400 weights into an mViT.

    Args:
        encoder: of the kind and architecture that the weights were trained with.
        path: see `load_pretrained`.
        interpolate: bring the weights to the encoder's clip shape, where they were trained on another.

    Raises:
        CheckpointMismatchError: it is of another encoder, or of one with other settings.
        CmrClipError: that kind of encoder takes no other clips.
    """
    change = _read_for(encoder, path, interpolate)
    state = _part(change.weights, ENCODER)
    report = require_match(state, encoder.state_dict(), str(path))
    _require_alike(encoder, change.weights)
    encoder.load_state_dict({name: state[name] for name in report.loaded})
    return _signed(report, change)


def _read_for(encoder: VideoEncoder, path: Path, interpolate: bool) -> FittedWeights:
    """The weights, for the encoder's clip shape if wanted."""
    weights = read_source(path)
    if not isinstance(encoder, weights.encoder.kind):
        raise CheckpointMismatchError(
            f"{path} holds an encoder of kind {weights.encoder.kind.__name__}, the model has one of kind "
            f"{type(encoder).__name__}",
            "give the model the encoder that the weights were trained with",
        )
    return resized(weights, encoder.clip_shape) if interpolate else FittedWeights(weights, ())


def _part(weights: Weights, prefix: str) -> dict[str, Tensor]:
    """The tensors under a prefix, without it."""
    return {name.removeprefix(prefix): value for name, value in weights.state.items() if name.startswith(prefix)}


def _require_alike(encoder: VideoEncoder, weights: Weights) -> None:
    with errors_of(weights.path):
        encoder.require_alike(weights.encoder.config)


def _signed(report: LoadReport, change: FittedWeights) -> LoadReport:
    return replace(
        report,
        origin=change.weights.origin,
        ignored=change.weights.ignored,
        interpolated=change.interpolated,
        encoder=change.weights.encoder.summary(),
    )


def load_tower_weights(
    tower: VideoTower, path: Path, clip: ClipSpec | None = None, *, interpolate: bool = False
) -> LoadReport:
    """Load the video encoder and the projection of any source that has both into a tower.

    Args:
        tower: of the architecture that the weights were trained with.
        path: see `load_pretrained`.
        clip: how clips will be made for it; where the weights were trained on others, a warning names the fields.
        interpolate: bring the weights to the encoder's clip shape, where they were trained on another.

    Raises:
        CheckpointMismatchError: it belongs to another encoder, or has no projection.
        CmrClipError: that kind of encoder takes no other clips.
    """
    change = _read_for(tower.video_encoder, path, interpolate)
    parts = {ENCODER: tower.video_encoder, _PROJECTION: tower.video_proj}
    state = {name: value for name, value in change.weights.state.items() if name.startswith(tuple(parts))}
    wanted = {prefix + name: value for prefix, part in parts.items() for name, value in part.state_dict().items()}
    report = require_match(state, wanted, str(path))
    _require_alike(tower.video_encoder, change.weights)
    if clip is not None:
        made, trained = asdict(clip), asdict(change.weights.preprocessing)
        differ = [f"{name}: {made[name]} instead of {trained[name]}" for name in made if made[name] != trained[name]]
        if differ:
            fields = ", ".join(differ)
            _log.warning("%s was trained on other clips than data.clip makes: %s", change.weights.path, fields)
    for prefix, part in parts.items():
        found = _part(change.weights, prefix)
        part.load_state_dict({name: found[name] for name in part.state_dict()})
    return _signed(report, change)
