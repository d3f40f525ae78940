"""Weights into modules that a task has built already; `pretrained` builds the module from a file."""

from __future__ import annotations

import logging
from dataclasses import asdict, replace
from pathlib import Path

from torch import nn

from cmr_clip.clips.spec import ClipSpec
from cmr_clip.encoders.mvit.mvit import MViT
from cmr_clip.errors import CheckpointMismatchError
from cmr_clip.models.towers import VideoTower
from cmr_clip.weights.assemble import resized
from cmr_clip.weights.receipt import LoadReport, require_match
from cmr_clip.weights.sources import Weights, read_source

__all__ = ["load_kinetics", "load_tower_weights"]

_log = logging.getLogger(__name__)
_TOWER = ("video_encoder.", "video_proj.")


def load_kinetics(encoder: MViT, path: Path, *, interpolate: bool = False) -> LoadReport:
    """Load Kinetics-400 weights (pytorchvideo's `MVIT_B_16x4.pyth` or torchvision's `mvit_v1_b`) into an encoder.

    The classification head has no place here; alias names of the pooling layers are left aside.

    Args:
        encoder: of the architecture that the weights were trained with.
        path: the file.
        interpolate: the positional embeddings, where the encoder takes clips of another shape.

    Raises:
        CheckpointMismatchError: it is of another encoder, or wants another epsilon after pooling.
    """
    weights, interpolated = _read_for(encoder, path, interpolate)
    prefix = _TOWER[0]
    state = {name.removeprefix(prefix): value for name, value in weights.state.items() if name.startswith(prefix)}
    wanted = encoder.state_dict()
    report = require_match(state, wanted, str(path))
    _require_eps(encoder, weights)
    encoder.load_state_dict({name: state[name] for name in wanted})
    return _signed(report, weights, interpolated)


def _read_for(encoder: MViT, path: Path, interpolate: bool) -> tuple[Weights, tuple[str, ...]]:
    """The weights, for the encoder's clip shape if wanted, and the names of interpolated tensors."""
    weights = read_source(path)
    if not interpolate:
        return weights, ()
    change = resized(weights, encoder.clip_shape)
    return change.weights, change.names


def _signed(report: LoadReport, weights: Weights, interpolated: tuple[str, ...]) -> LoadReport:
    return replace(
        report,
        origin=weights.origin,
        ignored=weights.ignored,
        interpolated=interpolated,
        pool_norm_eps=weights.pool_norm_eps,
    )


def _require_eps(encoder: MViT, weights: Weights) -> None:
    eps = encoder.config["pool_norm_eps"]
    if eps != weights.pool_norm_eps:
        raise CheckpointMismatchError(
            f"{weights.path} was trained with an epsilon of {weights.pool_norm_eps:g} after pooling, the encoder has "
            f"{eps:g}",
            f"set the encoder's pool_norm_eps: {weights.pool_norm_eps:g}",
        )


def load_tower_weights(
    tower: VideoTower, path: Path, clip: ClipSpec | None = None, *, interpolate: bool = False
) -> LoadReport:
    """Load the video encoder and the projection of any source that has both into a tower.

    Args:
        tower: of the architecture that the weights were trained with.
        path: see `load_pretrained`.
        clip: how clips will be made for it; where the weights were trained on others, a warning names the fields.
        interpolate: the positional embeddings, where the encoder takes clips of another shape.

    Raises:
        CheckpointMismatchError: it belongs to another encoder, or has no projection.
    """
    weights, interpolated = _read_for(tower.video_encoder, path, interpolate)
    state = {name: value for name, value in weights.state.items() if name.startswith(_TOWER)}
    wanted = {name: value for name, value in tower.state_dict().items() if name.startswith(_TOWER)}
    report = require_match(state, wanted, str(path))
    _require_eps(tower.video_encoder, weights)
    if clip is not None:
        _warn_of_other_clips(clip, weights)
    nn.Module.load_state_dict(tower, {name: state[name] for name in wanted}, strict=False)
    return _signed(report, weights, interpolated)


def _warn_of_other_clips(clip: ClipSpec, weights: Weights) -> None:
    made, trained = asdict(clip), asdict(weights.preprocessing)
    differ = [f"{name}: {made[name]} instead of {trained[name]}" for name in made if made[name] != trained[name]]
    if differ:
        _log.warning("%s was trained on other clips than data.clip makes: %s", weights.path, ", ".join(differ))
