"""The paper's augmentation: a random square of a randomly resized image, then AugMix."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from cmr_clip.transforms.augmentation import Augmentation, Generators, SampledWindow, draw_rows
from cmr_clip.transforms.augmix.augmix import AugMix

__all__ = ["CropAugMix"]


@dataclass(frozen=True)
class CropAugMix(Augmentation):
    """The paper's: a random square of a randomly resized image, then AugMix.

    AugMix acts after the crop instead of before it: on a quarter of the pixels, and with the cut already made.

    Attributes:
        short_side: range of the length to which the shorter side would be resized, in pixels of a 224-pixel clip; the
            square of 224 lies anywhere in it. Ignored, with the position, where a field of view in mm is set.
        flip: probability of mirroring left and right; the paper's code uses 0.5, which swaps the sides of the body.
        augmix: settings of AugMix; None for none.
    """

    short_side: tuple[int, int] = (264, 380)
    flip: float = 0.0
    augmix: AugMix | None = field(default_factory=AugMix)

    def window(self, window: SampledWindow, extent: Tensor, size: int, rngs: Generators) -> SampledWindow:
        """Cut out a random square of images of `extent` `[B, 2]` pixels."""
        low, high = self.short_side
        drawn = draw_rows(rngs, lambda rng: np.array([rng.integers(low, high + 1), *rng.uniform(size=3)]), window.half)
        half = (extent.min(dim=1, keepdim=True).values * 224 / drawn[:, :1] / 2).expand(-1, 2)
        slack = (extent - 2 * half).clamp(min=0)
        centre = half + drawn[:, 1:3] * slack
        mirror = torch.where(drawn[:, 3] < self.flip, -1.0, 1.0)
        matrix = window.matrix.clone()
        matrix[:, 1, 1] = matrix[:, 1, 1] * mirror
        return SampledWindow(centre, half, matrix)

    def intensities(self, video: Tensor, rngs: Generators) -> Tensor:
        """Mix clips `[B, T, H, W]` in [0, 1] with augmented copies."""
        if self.augmix is None:
            return video
        return self.augmix.apply(video, [self.augmix.draw(rng) for rng in rngs])
