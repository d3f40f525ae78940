"""Clips as read, and batches of clips of different sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["Clip", "RawClips", "stack_clips"]


class Clip(NamedTuple):
    """A clip as read.

    Attributes:
        frames: uint8 `[T, H, W]`.
        spacing: (row, column) distance in mm.
    """

    frames: Tensor
    spacing: tuple[float, float]


class RawClips(NamedTuple):
    """Clips of different sizes in one padded tensor.

    Attributes:
        frames: uint8 `[B, T, H, W]`, padded below and to the right.
        extent: `[B, 2]`, true rows and columns.
        spacing: `[B, 2]`, row and column distance in mm.
    """

    frames: Tensor
    extent: Tensor
    spacing: Tensor


def stack_clips(clips: Sequence[Clip]) -> RawClips:
    """Pad clips of one length to a common size: `[B, T, H, W]`."""
    rows = max(clip.frames.shape[1] for clip in clips)
    columns = max(clip.frames.shape[2] for clip in clips)
    frames = [F.pad(c.frames, (0, columns - c.frames.shape[2], 0, rows - c.frames.shape[1])) for c in clips]
    extent = torch.tensor([c.frames.shape[1:] for c in clips], dtype=torch.float32)
    spacing = torch.tensor([c.spacing for c in clips], dtype=torch.float32)
    return RawClips(torch.stack(frames), extent, spacing)
