"""What each head gets of the trunk's output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from cmr_clip.models.heads import Head
from cmr_clip.models.mil import BagOutput

__all__ = ["HeadInput", "inputs_of"]


class HeadInput(NamedTuple):
    """A head's part of the trunk's output for B studies.

    Attributes:
        head: whose part it is.
        logits: `[B]` for width 1, otherwise `[B, K]`.
        attention: `[B, N]`, sums to 1 over a study's clips, 0 on padding.
    """

    head: Head
    logits: Tensor
    attention: Tensor


def inputs_of(heads: Sequence[Head], bags: BagOutput) -> list[HeadInput]:
    """Split the trunk's outputs by the widths of the heads, in order.

    Args:
        heads: as many as the trunk has attention maps; their widths sum to its outputs.
        bags: the trunk's outputs, logits `[B, sum of K]` and attention `[B, heads, N]`.
    """
    parts = bags.logits.split([head.width for head in heads], dim=1)  # type: ignore[no-untyped-call]
    maps = bags.attention.unbind(1)
    return [
        HeadInput(head, logits.squeeze(1) if head.width == 1 else logits, attention)
        for head, logits, attention in zip(heads, parts, maps, strict=True)
    ]
