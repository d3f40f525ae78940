"""uint8 clips to network input: cast, one resampling for crop, resize and turn, intensities, normalisation; batched."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from cmr_clip.data.clips import ClipSpec, RawClips
from cmr_clip.transforms import kernels
from cmr_clip.transforms.augmentation import Augmentation, Window
from cmr_clip.transforms.kernels import Matrix, compiled

__all__ = ["ClipTransform"]


class ClipTransform:
    """Raw clips to normalised clips.

    Args:
        spec: size, field of view and normalisation.
        augmentation: random changes while training; None for evaluation.
    """

    def __init__(self, spec: ClipSpec, augmentation: Augmentation | None = None) -> None:
        self.spec = spec
        self.augmentation = augmentation

    def __call__(self, raw: RawClips, seeds: Sequence[int] | None = None) -> Tensor:
        """Transform a batch.

        Args:
            raw: `[B, T, H, W]` uint8.
            seeds: of each clip's augmentation; drawn from torch's generator without.

        Returns:
            `[B, 1, T, size, size]` float32.
        """
        window = self._window(raw)
        if self.augmentation is None:
            video = self._resample(raw.frames, window)
        else:
            chosen = torch.randint(2**62, (len(raw.frames),)).tolist() if seeds is None else seeds
            rngs = [np.random.default_rng((seed, 1)) for seed in chosen]
            window = self.augmentation.window(window, raw.extent, self.spec.size, rngs)
            video = self.augmentation.intensities(self._resample(raw.frames, window), rngs)
        return video.contiguous().sub_(self.spec.mean).div_(self.spec.std).unsqueeze(1)

    def _window(self, raw: RawClips) -> Window:
        """The central square, as evaluation takes it."""
        if self.spec.field_of_view_mm is not None:
            half = self.spec.field_of_view_mm / raw.spacing / 2
        else:
            shorter = (raw.extent * raw.spacing).min(dim=1, keepdim=True).values
            half = self.spec.crop * shorter / raw.spacing / 2
        return Window(raw.extent / 2, half, torch.eye(2, device=half.device).expand(len(half), 2, 2))

    def _resample(self, frames: Tensor, window: Window) -> Tensor:
        """Sample the windows, `[B, T, size, size]` in [0, 1]; average where that shrinks the image."""
        size = self.spec.size
        over = min(4, max(1, math.ceil(2 * float(window.half.max()) / size - 0.25))) if self.spec.averaging else 1
        on_cpu = frames.device.type == "cpu"
        video = (_crop_each if on_cpu else _crop_by_grid)(frames, window, size * over)
        return F.avg_pool2d(video, over) if over > 1 else video


def _crop_each(frames: Tensor, window: Window, size: int) -> Tensor:
    """Sample clip by clip, `[B, T, size, size]` in [0, 1] with the frames last in memory: the way of CPUs."""
    video = torch.empty(len(frames), size, size, frames.shape[1])
    scaled = (window.matrix * window.half[:, :, None]).double().numpy() * (2 / size)
    first = window.centre.double().numpy() - 0.5 + scaled.sum(axis=2) * (0.5 - size / 2)
    matrices = np.concatenate([scaled, first[:, :, None]], axis=2)
    for clip, matrix, target in zip(frames, matrices, video, strict=True):
        low, high = _reached(matrix, size, frames.shape[2:])
        wanted = clip[:, low[0] : high[0], low[1] : high[1]].numpy()  # rearranging costs half as much as sampling
        part = np.empty((*wanted.shape[1:], len(wanted)), np.float32)
        compiled(kernels.frames_last)(wanted, part)
        matrix[:, 2] -= low
        compiled(kernels.sample)(part, matrix, 0.0, 1 / 255, False, target.numpy())
    return video.permute(0, 3, 1, 2)


def _reached(matrix: Matrix, size: int, limit: Sequence[int]) -> tuple[list[int], list[int]]:
    """First and last row and column, the last exclusive, that sampling takes into account; at least one of each."""
    corners = np.array([[row, column, 1] for row in (0, size - 1) for column in (0, size - 1)]) @ matrix.T
    low = np.clip(np.floor(corners.min(axis=0)), 0, np.array(limit) - 1).astype(int)
    high = np.clip(np.floor(corners.max(axis=0)) + 2, low + 1, limit).astype(int)
    return low.tolist(), high.tolist()


def _crop_by_grid(frames: Tensor, window: Window, size: int) -> Tensor:
    """The same with `grid_sample` for all clips in one call: the way of GPUs. The grid is a sum of two axes."""
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
