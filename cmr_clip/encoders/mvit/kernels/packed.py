"""Linear layers for inference on CPUs: weights laid out once as oneDNN wants them, GELU applied on the way out."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

__all__ = ["PackedLinear", "can_pack"]

_TYPICAL_ROWS = 1569  # oneDNN chooses the layout for a number of rows; any other number works as well


def can_pack(dtype: torch.dtype) -> bool:
    """Whether this build of torch and this processor can run packed layers of a type."""
    operators = ("_reorder_linear_weight", "_linear_pointwise")
    if not torch._C._has_mkldnn or not all(hasattr(torch.ops.mkldnn, name) for name in operators):
        return False
    match dtype:
        case torch.float32:
            return True
        case torch.bfloat16:
            return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
        case _:
            return False


class PackedLinear(nn.Module):
    """A linear layer without gradient, its weight packed for this processor.

    `F.linear` packs the weight anew at each call (bf16) or does not pack it at all (fp32). Where torch compiles a
    model it packs by itself, so that a compiled model is better made of plain layers.

    Args:
        weight: `[out, in]`, fp32 or bf16, on the CPU.
        bias: `[out]`.
        gelu: apply the exact (erf) GELU; oneDNN computes it in fp32 before it rounds.
    """

    def __init__(self, weight: Tensor, bias: Tensor, *, gelu: bool = False) -> None:
        super().__init__()
        self._activation = "gelu" if gelu else "none"
        self._packed = torch.ops.mkldnn._reorder_linear_weight(weight.detach().contiguous(), _TYPICAL_ROWS)
        self._bias = bias.detach()

    def forward(self, x: Tensor) -> Tensor:
        """`[…, in]` to `[…, out]`."""
        algorithm = "none" if self._activation == "gelu" else ""
        out = torch.ops.mkldnn._linear_pointwise(x, self._packed, self._bias, self._activation, [], algorithm)
        return cast(Tensor, out)
