"""uint8 clips to network input: cast, one resampling for crop, resize and turn, intensities, normalisation; batched."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from cmr_clip.data.clips import ClipSpec, RawClips
from cmr_clip.transforms.augmentation import Augmentation, Window

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
        return ((video - self.spec.mean) / self.spec.std).unsqueeze(1)

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
        axis = (torch.arange(size * over, device=frames.device) + 0.5) * (2 / (size * over)) - 1
        grid = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), dim=-1)
        turned = torch.einsum("rcj,bij->brci", grid, window.matrix)
        pixels = turned * window.half[:, None, None, :] + window.centre[:, None, None, :]
        shape = torch.tensor(frames.shape[2:], device=frames.device)
        video = F.grid_sample(frames.float() / 255, (2 * pixels / shape - 1).flip(-1), align_corners=False)
        return F.avg_pool2d(video, over) if over > 1 else video
