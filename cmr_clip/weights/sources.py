"""Any source of weights, read into one form: tensors under our names, the encoder's arguments, the preprocessing."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cmr_clip.clips.spec import ClipSpec
from cmr_clip.encoders.mvit.foreign_names import from_torchvision, is_torchvision, merge_aliases, strip_wrappers
from cmr_clip.encoders.mvit.presets import mvit_b_16x4
from cmr_clip.errors import CheckpointMismatchError, CmrClipError
from cmr_clip.weights.files import read_weights, tensors_of
from cmr_clip.weights.folder import is_weight_folder, read_weight_folder
from cmr_clip.weights.receipt import Origin

__all__ = ["Weights", "clip_spec", "read_source"]

_ENCODER, _PROJECTION, _HEAD = "video_encoder.", "video_proj.", "classifier_head."
_POOL_NORM_EPS: dict[Origin, float] = {"torchvision": 1e-6}


@dataclass(frozen=True)
class Weights:
    """What a file or folder holds.

    Attributes:
        path: where it was read from.
        origin: whose it is.
        state: tensors as `video_encoder.*`, `video_proj.*`, `classifier_head.*`, `heads.*`, `text_encoder.*`, ….
        encoder: arguments of `MViT`.
        preprocessing: how a cine becomes a clip for these weights.
        described: what one of our files says of its model; empty for foreign files.
        hyper_parameters: of a foreign Lightning checkpoint.
        ignored: names that were put aside while reading.
        tokenizer: the tokenizer's files in an exported folder.
    """

    path: Path
    origin: Origin
    state: dict[str, Tensor]
    encoder: dict[str, Any]
    preprocessing: ClipSpec
    described: Mapping[str, Any] = field(default_factory=dict)
    hyper_parameters: Mapping[str, Any] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    tokenizer: Path | None = None

    @property
    def has_projection(self) -> bool:
        """Whether it was ever trained to embed; Kinetics weights were not."""
        return any(name.startswith(_PROJECTION) for name in self.state)

    @property
    def pool_norm_eps(self) -> float:
        """Epsilon of the LayerNorms after pooling."""
        return float(self.encoder["pool_norm_eps"])


def read_source(path: str | Path) -> Weights:
    """Read one of our checkpoints, an exported folder, a checkpoint of the paper's authors, or Kinetics weights.

    Raises:
        CmrClipError: no such file, not readable safely, or ours and without a description of its model.
        CheckpointMismatchError: no weights of a known encoder in it, or another architecture.
    """
    place = Path(path)
    if place.name == "model.safetensors":
        place = place.parent
    if is_weight_folder(place):
        return _exported(place)
    checkpoint = read_weights(place)
    if "cmr_clip" in checkpoint:
        return _ours(checkpoint, place)
    return _foreign(checkpoint, place)


def clip_spec(fields: Mapping[str, Any], origin: str) -> ClipSpec:
    """The preprocessing stored with weights.

    Raises:
        CmrClipError: it has fields that this version does not know.
    """
    known = {entry.name for entry in dataclasses.fields(ClipSpec)}
    unknown = sorted(set(fields) - known)
    if unknown:
        raise CmrClipError(
            f"the preprocessing of {origin} has unknown fields: {', '.join(unknown)}", "install a newer cmr-clip"
        )
    return ClipSpec(**fields)


def _exported(folder: Path) -> Weights:
    content = read_weight_folder(folder)
    described = {**content.config, "views": content.preprocessing["views"]}
    return Weights(
        folder,
        "exported",
        content.state,
        dict(described["video_encoder"]),
        clip_spec(content.preprocessing["clip"], str(folder)),
        described=described,
        tokenizer=content.tokenizer,
    )


def _ours(checkpoint: dict[str, Any], path: Path) -> Weights:
    described = checkpoint["cmr_clip"] if isinstance(checkpoint["cmr_clip"], dict) else {}
    missing = [name for name in ("video_encoder", "embed_dim", "preprocessing") if name not in described]
    if missing:
        raise CmrClipError(
            f"{path} does not describe its encoder: no {', '.join(missing)}",
            "give a checkpoint written by cmr-clip fit",
        )
    state = strip_wrappers(tensors_of(checkpoint, path), str(path))
    spec = clip_spec(described["preprocessing"], str(path))
    return Weights(path, "cmr_clip", state, dict(described["video_encoder"]), spec, described=described)


def _foreign(checkpoint: dict[str, Any], path: Path) -> Weights:
    raw = strip_wrappers(tensors_of(checkpoint, path), str(path))
    origin: Origin = _origin_of(raw)
    if origin == "torchvision":
        raw = from_torchvision(raw)
    if origin in ("torchvision", "pytorchvideo"):
        raw = {_ENCODER + name: value for name, value in raw.items()}
    state, aliases = merge_aliases(raw, str(path))
    encoder = _encoder_arguments(state, path, _POOL_NORM_EPS.get(origin, 1e-5))
    frames, size = encoder["clip_shape"][:2]
    spec = ClipSpec(n_frames=frames, size=size)
    if origin in ("authors_contrastive", "authors_finetuned"):
        spec = ClipSpec.compat(n_frames=frames, size=size)
    hyper = checkpoint.get("hyper_parameters")
    return Weights(
        path,
        origin,
        state,
        encoder,
        spec,
        hyper_parameters=hyper if isinstance(hyper, dict) else {},
        ignored=aliases,
    )


def _origin_of(state: Mapping[str, Tensor]) -> Origin:
    if is_torchvision(state):
        return "torchvision"
    if any(name.startswith(_ENCODER) for name in state):
        return "authors_finetuned" if any(name.startswith(_HEAD) for name in state) else "authors_contrastive"
    return "pytorchvideo"


def _encoder_arguments(state: Mapping[str, Tensor], path: Path, eps: float) -> dict[str, Any]:
    """Arguments of the mViT-B that the positional embeddings say; whether it is one is compared later."""
    spatial = state.get(f"{_ENCODER}cls_positional_encoding.pos_embed_spatial")
    temporal = state.get(f"{_ENCODER}cls_positional_encoding.pos_embed_temporal")
    if spatial is None or temporal is None or spatial.ndim != 3 or temporal.ndim != 3:
        first = ", ".join(list(state)[:2])
        raise CheckpointMismatchError(
            f"{path} holds no mViT with separable positional embeddings, or only a part of one (it holds {first}, …)",
            "known are checkpoints of cmr-clip fit, folders of cmr-clip export, the paper authors' checkpoints, and "
            "mViT-B Kinetics weights of pytorchvideo and torchvision",
        )
    with torch.device("meta"):
        arguments = dict(mvit_b_16x4(eps).config)
    side = round(spatial.shape[1] ** 0.5)
    if side * side != spatial.shape[1]:
        raise CheckpointMismatchError(f"{path} was trained on clips that are not square ({spatial.shape[1]} tokens)")
    step = arguments["patch_stride"]
    arguments["clip_shape"] = [temporal.shape[1] * step[0], side * step[1], side * step[2]]
    return arguments
