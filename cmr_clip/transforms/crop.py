"""Sampling the window of each clip: crop, resize, turn and mirror in one bilinear resampling."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from cmr_clip.transforms.augmentation import SampledWindow
from cmr_clip.transforms.augmix import cpu_loops as kernels
from cmr_clip.transforms.augmix.cpu_loops import compiled

__all__ = ["crop_by_grid", "crop_on_cpu"]


def crop_on_cpu(frames: Tensor, window: SampledWindow, size: int) -> Tensor:
    """Sample clip by clip with compiled loops, for CPUs; black outside the image.

    Args:
        frames: uint8 `[B, T, H, W]`.
        window: of each clip.
        size: rows and columns n of the result.

    Returns:
        float32 `[B, T, n, n]` in [0, 1], with the frames last in memory (torch's `channels_last`).
    """
    video = torch.empty(len(frames), size, size, frames.shape[1])
    scaled = (window.matrix * window.half[:, :, None]).double().numpy() * (2 / size)
    first = window.centre.double().numpy() - 0.5 + scaled.sum(axis=2) * (0.5 - size / 2)
    matrices = np.concatenate([scaled, first[:, :, None]], axis=2)
    limit = np.array(frames.shape[2:])
    for clip, matrix, target in zip(frames, matrices, video, strict=True):
        # First and last row and column, the last exclusive, that sampling takes into account; at least one of each
        corners = np.array([[row, column, 1] for row in (0, size - 1) for column in (0, size - 1)]) @ matrix.T
        low = np.clip(np.floor(corners.min(axis=0)), 0, limit - 1).astype(int)
        high = np.clip(np.floor(corners.max(axis=0)) + 2, low + 1, limit).astype(int)
        wanted = clip[:, low[0] : high[0], low[1] : high[1]].numpy()  # rearranging costs half as much as sampling
        part = np.empty((*wanted.shape[1:], len(wanted)), np.float32)
        compiled(kernels.frames_last)(wanted, part)
        matrix[:, 2] -= low
        compiled(kernels.sample)(part, matrix, 0.0, 1 / 255, False, target.numpy())
    return video.permute(0, 3, 1, 2)


def crop_by_grid(frames: Tensor, window: SampledWindow, size: int) -> Tensor:
    """`crop_on_cpu` with `grid_sample`, all clips in one call, for GPUs: contiguous `[B, T, n, n]`.

    The grid is written as a sum of two axes.
    """
    shape = torch.tensor(frames.shape[2:], device=frames.device)
    scaled = window.matrix * (window.half * 2 / shape)[:, :, None]
    centre = window.centre * 2 / shape - 1
    axis = (torch.arange(size, device=frames.device) + 0.5) * (2 / size) - 1
    grid = torch.empty(len(frames), size, size, 2, device=frames.device)
    for place, side in ((0, 1), (1, 0)):  # grid_sample takes (column, row)
        along_rows = scaled[:, side, 0, None] * axis + centre[:, side, None]
        along_columns = scaled[:, side, 1, None] * axis
        torch.add(along_rows[:, :, None], along_columns[:, None, :], out=grid[..., place])
    return F.grid_sample(frames.float(), grid, align_corners=False).div_(255)
