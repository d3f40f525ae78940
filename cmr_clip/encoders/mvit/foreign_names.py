"""Files of other projects that hold an mViT: how they are told apart, and their tensor names in ours.

Known are the paper authors' contrastive and fine-tuned checkpoints, which name their parts as ours do, and the
Kinetics-400 weights of pytorchvideo and torchvision, which hold the encoder alone. Pure functions of state dicts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from cmr_clip.encoders.mvit.kernels.pooling import Grid
from cmr_clip.encoders.protocol import ENCODER, Renamed
from cmr_clip.errors import CheckpointMismatchError

__all__ = ["FILES", "Origin", "merge_aliases", "origin_and_grid", "rename"]

FILES = "the paper authors' checkpoints, and mViT-B Kinetics weights of pytorchvideo and torchvision"

Origin = Literal["authors_contrastive", "authors_finetuned", "pytorchvideo", "torchvision"]
"""Whose file it is: one of the paper authors' Lightning checkpoints, or Kinetics-400 weights of the two projects."""

State = dict[str, Tensor]

_HEAD = "classifier_head."
_CLASS_HEAD = f"{ENCODER}head."
_SPATIAL, _TEMPORAL = "cls_positional_encoding.pos_embed_spatial", "cls_positional_encoding.pos_embed_temporal"
_POSITIONS: dict[Origin, tuple[str, str]] = {  # `[1, tokens, D]`, torchvision's `[tokens, D]`
    "torchvision": ("pos_encoding.spatial_pos", "pos_encoding.temporal_pos"),
    "pytorchvideo": (_SPATIAL, _TEMPORAL),
    "authors_finetuned": (ENCODER + _SPATIAL, ENCODER + _TEMPORAL),
    "authors_contrastive": (ENCODER + _SPATIAL, ENCODER + _TEMPORAL),
}
_ALIAS = re.compile(r"\battn\._attention_pool_([qkv])\.(pool|norm)\.")

_TORCHVISION = (
    (re.compile(r"^conv_proj\."), "patch_embed.patch_model."),
    (re.compile(r"^pos_encoding\.class_token$"), "cls_positional_encoding.cls_token"),
    (re.compile(r"^pos_encoding\.class_pos$"), "cls_positional_encoding.pos_embed_class"),
    (re.compile(r"^pos_encoding\.(spatial|temporal)_pos$"), r"cls_positional_encoding.pos_embed_\1"),
    (re.compile(r"\.attn\.pool_([qkv])\.pool\."), r".attn.pool_\1."),
    (re.compile(r"\.attn\.pool_([qkv])\.norm_act\.0\."), r".attn.norm_\1."),
    (re.compile(r"\.attn\.project\.0\."), ".attn.proj."),
    (re.compile(r"\.mlp\.0\."), ".mlp.fc1."),
    (re.compile(r"\.mlp\.3\."), ".mlp.fc2."),
    (re.compile(r"^(blocks\.\d+)\.project\."), r"\1.proj."),
    (re.compile(r"^norm\."), "norm_embed."),
    (re.compile(r"^head\.1\."), "head.proj."),
)


def origin_and_grid(state: Mapping[str, Tensor]) -> tuple[Origin, Grid] | None:
    """Whose file of an mViT it is, and (T, H, W) of the tokens that its positional embeddings are for.

    Args:
        state: all tensors of the file, without wrappers' prefixes.

    Returns:
        None where it holds no mViT, or one without separable positional embeddings.

    Raises:
        CheckpointMismatchError: its clips were not square.
    """
    origin = _origin(state)
    if origin is None:
        return None
    spatial, temporal = (state[name] for name in _POSITIONS[origin])
    if min(spatial.ndim, temporal.ndim) < 2:
        return None
    tokens = spatial.shape[-2]
    side = round(tokens**0.5)
    if side * side != tokens:
        raise CheckpointMismatchError(f"it was trained on clips that are not square ({tokens} tokens)")
    return origin, (temporal.shape[-2], side, side)


def _origin(state: Mapping[str, Tensor]) -> Origin | None:
    found = [origin for origin, names in _POSITIONS.items() if all(name in state for name in names)]
    if "authors_finetuned" in found and not any(name.startswith(_HEAD) for name in state):
        found.remove("authors_finetuned")
    return found[0] if found else None


def rename(state: Mapping[str, Tensor]) -> Renamed:
    """The tensors of a file that `origin_and_grid` knows under the names of our checkpoints.

    Args:
        state: all tensors of the file, without wrappers' prefixes; torchvision's joint `qkv` is `[3·D, D]` or `[3·D]`.

    Raises:
        CheckpointMismatchError: a tensor and its alias differ.
    """
    origin = _origin(state)
    ours = _from_torchvision(state) if origin == "torchvision" else dict(state)
    if origin in ("torchvision", "pytorchvideo"):
        ours = {ENCODER + name: value for name, value in ours.items()}
    merged, aliases = merge_aliases(ours)
    class_head = tuple(name for name in merged if name.startswith(_CLASS_HEAD))
    kept = {name: value for name, value in merged.items() if name not in class_head}
    return Renamed(kept, (*aliases, *class_head))


def merge_aliases(state: Mapping[str, Tensor]) -> tuple[State, tuple[str, ...]]:
    """Bring `attn._attention_pool_k.pool.weight` and the like, second names of pooling tensors, to the first name.

    Args:
        state: tensors by name, each of any shape; none changes its own.

    Returns:
        The state under first names, and the alias names found.

    Raises:
        CheckpointMismatchError: a tensor and its alias differ.
    """
    out: State = {name: value for name, value in state.items() if not _ALIAS.search(name)}
    aliases = tuple(name for name in state if _ALIAS.search(name))
    for name in aliases:
        first = _ALIAS.sub(lambda match: f"attn.{match[2]}_{match[1]}.", name)
        if first in out and not torch.equal(out[first], state[name]):
            raise CheckpointMismatchError(
                f"it holds two different tensors for {first}", "it mixes two models; save one model's state_dict"
            )
        out[first] = state[name]
    return out, aliases


def _from_torchvision(state: Mapping[str, Tensor]) -> State:
    """Rename a state dict of torchvision's `mvit_v1_b` and cut its joint `qkv` into q, k and v."""
    out: State = {}
    for name, value in state.items():
        ours = name
        for pattern, replacement in _TORCHVISION:
            ours = pattern.sub(replacement, ours)
        if ".attn.qkv." in ours:
            for letter, part in zip("qkv", value.chunk(3), strict=True):
                out[ours.replace(".qkv.", f".{letter}.")] = part.clone()
        else:
            out[ours] = value.reshape(1, -1, value.shape[-1]) if ours.startswith("cls_positional") else value
    return out
