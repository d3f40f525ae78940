"""Sharpness: each frame blended with its smoothed self."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["sharpen"]

_CENTRE, _SUM = 4.0, 13.0  # the smoothing kernel is ones around a 5, over 13: a box and 4 times the centre


def sharpen(video: Tensor, factors: Sequence[float]) -> Tensor:
    """Blend `factor · frame + (1 − factor) · smoothed`; border pixels stay, as in PIL and in the library.

    Args:
        video: float32 `[N, T, H, W]` in [0, 1].
        factors: one per clip; 0 is the smoothed clip, 1 the clip itself, above 1 sharper.

    Returns:
        `[N, T, H, W]` in [0, 1].
    """
    if min(video.shape[-2:]) < 3:
        return video
    factor = torch.tensor(factors, dtype=torch.float32, device=video.device)[:, None, None, None]
    rows = video[..., :-2, :] + video[..., 1:-1, :] + video[..., 2:, :]
    box = rows[..., :-2] + rows[..., 1:-1]
    box += rows[..., 2:]
    inner = video[..., 1:-1, 1:-1] * (factor + (1 - factor) * (_CENTRE / _SUM))
    out = video.clone()
    out[..., 1:-1, 1:-1] = inner.add_(box.mul_((1 - factor) / _SUM)).clamp_(0, 1)
    return out
