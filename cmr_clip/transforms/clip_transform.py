"""uint8 clips to network input: cast, one resampling for crop, resize and turn, intensities, normalisation; batched."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from cmr_clip.clips.batch import RawClips
from cmr_clip.clips.spec import ClipSpec
from cmr_clip.errors import CmrClipError
from cmr_clip.transforms.augmentation import Augmentation, Generators, SampledWindow
from cmr_clip.transforms.crop import crop_by_grid, crop_on_cpu

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
        rngs: Generators = []
        if self.augmentation is not None:
            chosen = torch.randint(2**62, (len(raw.frames),)).tolist() if seeds is None else seeds
            rngs = [np.random.default_rng((seed, 1)) for seed in chosen]
            window = self.augmentation.window(window, raw.extent, self.spec.size, rngs)
        size, device, over = self.spec.size, raw.frames.device, 1
        if self.spec.averaging:  # positions per pixel and axis to sample and average, where the largest window shrinks
            over = min(4, max(1, math.ceil(2 * float(window.half.max()) / size - 0.25)))
        out = torch.empty(*raw.frames.shape[:2], size, size, device=device)
        # A CPU takes one clip from the first step to the last, because a batch does not fit into its cache.
        crop, step = (crop_on_cpu, 1) if device.type == "cpu" else (crop_by_grid, max(1, len(out)))
        for start in range(0, len(out), step):
            part = slice(start, start + step)
            video = crop(raw.frames[part], SampledWindow(*(of[part] for of in window)), size * over)
            video = F.avg_pool2d(video, over) if over > 1 else video
            if self.augmentation is not None:
                video = self.augmentation.intensities(video, rngs[part])
            torch.sub(video, self.spec.mean, out=out[part]).div_(self.spec.std)
        return out.unsqueeze(1)

    def _window(self, raw: RawClips) -> SampledWindow:
        """The central square, as evaluation takes it."""
        if self.spec.field_of_view_mm is not None:
            if not bool(torch.isfinite(raw.spacing).all()):
                raise CmrClipError(
                    "clips of unknown pixel size cannot be cropped in mm",
                    "set field_of_view_mm: null, or import them with --pixel-spacing",
                )
            half = self.spec.field_of_view_mm / raw.spacing / 2
        else:
            spacing = raw.spacing.nan_to_num(nan=1.0)  # unknown, as in imported studies: square pixels
            shorter = (raw.extent * spacing).min(dim=1, keepdim=True).values
            half = self.spec.crop * shorter / spacing / 2
        return SampledWindow(raw.extent / 2, half, torch.eye(2, device=half.device).expand(len(half), 2, 2))
