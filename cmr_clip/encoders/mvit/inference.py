"""A copy of an encoder that only computes features: cast to its type, merged and packed."""

from __future__ import annotations

from copy import deepcopy
from typing import cast

import torch
from torch import nn

from cmr_clip.encoders.mvit.block import MViTBlock
from cmr_clip.encoders.mvit.kernels.packed import PackedLinear, can_pack
from cmr_clip.encoders.mvit.mvit import MViT

__all__ = ["for_inference"]


def for_inference(encoder: MViT, dtype: torch.dtype = torch.bfloat16, *, pack: bool = True) -> MViT:
    """Copy an encoder for computing features and nothing else.

    Everything but the last LayerNorm runs in `dtype` without autocast; clips and features are fp32. On a CPU that
    supports it, linear layers are packed; elsewhere they stay as they are. The copy is no source of weights: save the
    encoder itself.

    Args:
        encoder: stays as it is.
        dtype: bf16 agrees with fp32 to about 1 % of a feature's norm; fp32 is exact to rounding.
        pack: false for a copy that `torch.compile` shall have, which packs by itself.

    Returns:
        The copy, in evaluation mode, without gradients, on the encoder's device.
    """
    copy = deepcopy(encoder).eval().requires_grad_(False).to(dtype)
    copy.norm_embed.float()
    device = next(encoder.parameters()).device
    if pack and device.type == "cpu" and can_pack(dtype):
        for block in cast(list[MViTBlock], list(copy.blocks)):
            attention, mlp = block.attn, block.mlp
            weight = torch.cat([attention.k.weight, attention.v.weight])
            attention.key_value = PackedLinear(weight, torch.cat([attention.k.bias, attention.v.bias]))
            del attention.k, attention.v
            attention.q, attention.proj = _packed(attention.q), _packed(attention.proj)
            mlp.fc1, mlp.act, mlp.fc2 = _packed(mlp.fc1, gelu=True), nn.Identity(), _packed(mlp.fc2)
            if block.proj is not None:
                block.proj = _packed(block.proj)
    return copy


def _packed(layer: nn.Module, *, gelu: bool = False) -> nn.Module:
    linear = cast(nn.Linear, layer)
    return PackedLinear(linear.weight, linear.bias, gelu=gelu)
