"""Weights in and out: what a checkpoint says of its model, and loading with a receipt."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cmr_clip.errors import CheckpointMismatchError, CmrClipError
from cmr_clip.models.contrastive import VideoTower
from cmr_clip.models.mvit import MViT

__all__ = ["LoadReport", "build_tower", "load_kinetics", "load_tower_weights", "read_checkpoint", "require_match"]

_PREFIX = "model."


@dataclass(frozen=True)
class LoadReport:
    """The receipt of a load: names of tensors.

    Attributes:
        loaded: found and used.
        missing: wanted and not found.
        unexpected: found and of no use here (the text tower, say).
    """

    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]


def read_weights(path: Path) -> dict[str, Any]:
    """Read a file of tensors and plain values without executing anything in it.

    Raises:
        CmrClipError: no such file, or it is no checkpoint of tensors and plain values.
    """
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise CmrClipError(f"no checkpoint at {path}", "train one with cmr-clip fit") from None
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError) as error:
        raise CmrClipError(
            f"{path} is no checkpoint of tensors and plain values: {str(error).splitlines()[0]}",
            "pickled objects are never executed",
        ) from error
    if not isinstance(checkpoint, dict):
        raise CmrClipError(f"{path} holds no dictionary of weights", "give a checkpoint written by cmr-clip fit")
    return checkpoint


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a Lightning checkpoint.

    Raises:
        CmrClipError: no such file, or it is no checkpoint.
    """
    checkpoint = read_weights(path)
    if "state_dict" not in checkpoint:
        raise CmrClipError(f"{path} holds no state_dict", "give a checkpoint written by cmr-clip fit")
    return checkpoint


def load_kinetics(encoder: MViT, path: Path) -> LoadReport:
    """Load pytorchvideo's Kinetics-400 weights (`MVIT_B_16x4.pyth`, key `model_state`) into an encoder.

    The classification head has no place here; alias names of the pooling layers are left aside.

    Raises:
        CheckpointMismatchError: it is of another encoder.
    """
    checkpoint = read_weights(path)
    state = checkpoint.get("model_state", checkpoint)
    state = {name: value for name, value in state.items() if "._attention_pool_" not in name}
    wanted = encoder.state_dict()
    report = require_match(state, wanted, str(path))
    encoder.load_state_dict({name: state[name] for name in wanted})
    return report


def require_match(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor], origin: str) -> LoadReport:
    """Compare names and shapes.

    Raises:
        CheckpointMismatchError: a wanted tensor is missing or of another shape.
    """
    missing = tuple(name for name in wanted if name not in state)
    reshaped = [name for name in wanted if name in state and state[name].shape != wanted[name].shape]
    if missing or reshaped:
        name = (reshaped or list(missing))[0]
        found = tuple(state[name].shape) if name in state else "nothing"
        raise CheckpointMismatchError(
            f"{origin} is of another model: {len(missing)} of {len(wanted)} tensors are missing, {len(reshaped)} "
            f"have another shape; first {name}: wanted {tuple(wanted[name].shape)}, found {found}",
            "use the configuration it was trained with",
        )
    unexpected = tuple(name for name in state if name not in wanted)
    return LoadReport(tuple(wanted), missing, unexpected)


def _tower_state(checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
    state = {name.removeprefix(_PREFIX): tensor for name, tensor in checkpoint["state_dict"].items()}
    return {name: value for name, value in state.items() if name.startswith(("video_encoder.", "video_proj."))}


def load_tower_weights(tower: nn.Module, path: Path) -> LoadReport:
    """Load a contrastive or fine-tuned checkpoint's video encoder and projection into a tower.

    Raises:
        CheckpointMismatchError: it belongs to another encoder.
    """
    state = _tower_state(read_checkpoint(path))
    wanted = {k: v for k, v in tower.state_dict().items() if k.startswith(("video_encoder.", "video_proj."))}
    report = require_match(state, wanted, str(path))
    tower.load_state_dict({name: state[name] for name in wanted}, strict=False)
    return report


def build_tower(path: Path) -> tuple[VideoTower, dict[str, Any]]:
    """Rebuild the video tower of one of our checkpoints, in evaluation mode.

    Returns:
        The tower and the checkpoint's `preprocessing` (fields of `ClipSpec`).

    Raises:
        CmrClipError: the checkpoint does not describe its model.
    """
    checkpoint = read_checkpoint(path)
    described = checkpoint.get("cmr_clip")
    if not isinstance(described, dict):
        raise CmrClipError(f"{path} does not describe its encoder", "give a checkpoint written by cmr-clip fit")
    tower = VideoTower(MViT(**described["video_encoder"]), described["embed_dim"])
    state = _tower_state(checkpoint)
    require_match(state, tower.state_dict(), str(path))
    tower.load_state_dict(state)
    return tower.eval(), dict(described["preprocessing"])
