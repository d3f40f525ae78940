"""Tensor names of other projects in ours: wrappers, alias keys, torchvision's layout. Pure functions of state dicts."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from cmr_clip.errors import CheckpointMismatchError

__all__ = ["from_torchvision", "is_torchvision", "merge_aliases", "strip_wrappers"]

State = dict[str, Tensor]

_WRAPPERS = ("module.", "model.", "_orig_mod.")
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


def strip_wrappers(state: Mapping[str, Tensor], origin: str) -> State:
    """Remove the prefixes of LightningModules, DDP and torch.compile, as often as they occur.

    Whole prefixes only: `str.strip("model.")` would also eat the last letter of `…pos_embed_spatial`, which is how
    the paper authors' loader loses two tensors.

    Raises:
        CheckpointMismatchError: two tensors would get one name.
    """
    out: State = {}
    for name, value in state.items():
        bare = name
        while bare.startswith(_WRAPPERS):
            for prefix in _WRAPPERS:
                bare = bare.removeprefix(prefix)
        bare = bare.replace("._orig_mod.", ".")
        _put(out, bare, value, origin)
    return out


def merge_aliases(state: Mapping[str, Tensor], origin: str) -> tuple[State, tuple[str, ...]]:
    """Bring `attn._attention_pool_k.pool.weight` and the like, second names of pooling tensors, to the first name.

    Returns:
        The state under first names, and the alias names found.

    Raises:
        CheckpointMismatchError: a tensor and its alias differ.
    """
    out: State = {name: value for name, value in state.items() if not _ALIAS.search(name)}
    aliases = tuple(name for name in state if _ALIAS.search(name))
    for name in aliases:
        first = _ALIAS.sub(lambda match: f"attn.{match[2]}_{match[1]}.", name)
        _put(out, first, state[name], origin)
    return out, aliases


def _put(state: State, name: str, value: Tensor, origin: str) -> None:
    if name in state and not torch.equal(state[name], value):
        raise CheckpointMismatchError(
            f"{origin} holds two different tensors for {name}", "it mixes two models; save one model's state_dict"
        )
    state[name] = value


def is_torchvision(state: Mapping[str, Tensor]) -> bool:
    """Whether the names are those of torchvision's `mvit_v1_b`."""
    return "conv_proj.weight" in state and "pos_encoding.class_token" in state


def from_torchvision(state: Mapping[str, Tensor]) -> State:
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
