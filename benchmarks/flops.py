"""Floating-point operations counted on tensors without data, and what a device could do."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from cmr_clip.encoders.mvit.mvit import MViT

__all__ = ["encoder_flops", "peak_flops", "text_flops"]

_PEAKS = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "L40S": 362e12, "B200": 2250e12}
"""Dense bf16 operations per second according to the data sheets, without sparsity."""


def peak_flops(device_name: str) -> float | None:
    """The data sheet's dense bf16 rate of a device whose name holds a known one."""
    return next((peak for name, peak in _PEAKS.items() if name in device_name), None)


def encoder_flops(encoder: MViT, *, backward: bool, channels: int = 1) -> int:
    """Operations that this encoder executes for one clip (a multiply-add counts as two).

    Counts matrix products, convolutions and attention as they run here, not what the original network would need;
    recomputation by activation checkpointing is not counted.

    Args:
        encoder: gives sizes.
        backward: count forward and backward pass.
        channels: of the clip.
    """
    with torch.device("meta"):
        copy = MViT(**encoder.config)
        # the counter takes a depth-wise convolution's backward pass for that of a full one; as multiply-adds the
        # pooling counts as nothing, which is short by less than 1 %
        copy.set_pooling("taps")
        clips = torch.empty(1, channels, *encoder.clip_shape)
    return _count(copy, (clips,), backward)


def text_flops(encoder: nn.Module, tokens: int, *, backward: bool) -> int:
    """The same of a text encoder for one report; frozen layers have no backward pass."""
    device = next(encoder.parameters()).device
    ids = torch.ones(1, tokens, dtype=torch.int64, device=device)
    return _count(encoder, (ids, ids.bool()), backward)


def _count(model: nn.Module, inputs: tuple[torch.Tensor, ...], backward: bool) -> int:
    counter = FlopCounterMode(display=False)
    # explicit attention: some fused kernels have no formula and would count as nothing
    with sdpa_kernel(SDPBackend.MATH), counter:
        out = model(*inputs)
        if backward:
            out.sum().backward()
    model.zero_grad()
    return int(counter.get_total_flops())
