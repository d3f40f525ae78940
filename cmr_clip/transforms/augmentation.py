"""Random changes while training: which square of the image is sampled, and what happens to its intensities.

Everything random comes from one generator per clip, so that a clip's augmentation depends on its own seed alone: not on
the other clips of the batch, the rank or the device.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

__all__ = ["Augmentation", "Generators", "Jitter", "SampledWindow", "draw_rows"]

Generators = Sequence[np.random.Generator]
"""One per clip."""


class SampledWindow(NamedTuple):
    """The part of each image that becomes the clip; B clips.

    Attributes:
        centre: `[B, 2]`, row and column in pixels.
        half: `[B, 2]`, half of its height and width in pixels.
        matrix: `[B, 2, 2]`, applied to positions in units of `half` (row, column).
    """

    centre: Tensor
    half: Tensor
    matrix: Tensor


class Augmentation(ABC):
    """What may change at random; the same for all frames of a clip."""

    @abstractmethod
    def window(self, window: SampledWindow, extent: Tensor, size: int, rngs: Generators) -> SampledWindow:
        """Move, turn or scale the window.

        Args:
            window: as evaluation would take it.
            extent: `[B, 2]`, rows and columns of each image, in pixels.
            size: rows and columns of the clip.
            rngs: a generator per clip.
        """

    @abstractmethod
    def intensities(self, video: Tensor, rngs: Generators) -> Tensor:
        """Change clips `[B, T, H, W]` in [0, 1], after the resampling."""


@dataclass(frozen=True)
class Jitter(Augmentation):
    """Small geometric and intensity changes. No mirroring: it would swap the sides of the body.

    Attributes:
        rotation_deg: largest rotation.
        scale: largest relative change of size.
        shift: largest displacement as a fraction of the field of view.
        gamma: largest relative change of the intensity exponent.
        noise: standard deviation of added Gaussian noise, in units of full intensity.
    """

    rotation_deg: float = 15.0
    scale: float = 0.1
    shift: float = 0.06
    gamma: float = 0.3
    noise: float = 0.03

    def window(self, window: SampledWindow, extent: Tensor, size: int, rngs: Generators) -> SampledWindow:
        """Rotate, scale and shift; `extent` `[B, 2]` in pixels plays no part."""
        changes = draw_rows(rngs, lambda rng: rng.uniform(-1, 1, 4), window.half)
        angle = changes[:, 0] * math.radians(self.rotation_deg)
        zoom = torch.exp(changes[:, 1] * self.scale)
        cos, sin = torch.cos(angle) * zoom, torch.sin(angle) * zoom
        matrix = torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], dim=1)
        shift = 2 * self.shift * changes[:, 2:] * window.half
        return SampledWindow(window.centre + shift, window.half, matrix @ window.matrix)

    def intensities(self, video: Tensor, rngs: Generators) -> Tensor:
        """Change the contrast curve of clips `[B, T, H, W]` in [0, 1] and add noise."""
        exponent = torch.exp(self.gamma * draw_rows(rngs, lambda rng: rng.uniform(-1, 1, 1), video))
        video = video.clamp(1e-4, 1) ** exponent[:, :, None, None]
        noise = torch.empty_like(video)
        for clip, rng in zip(noise, rngs, strict=True):
            clip.normal_(generator=torch.Generator(video.device).manual_seed(int(rng.integers(2**62))))
        return (video + self.noise * noise).clamp(0, 1)


def draw_rows(rngs: Generators, draw: Callable[[np.random.Generator], np.ndarray], like: Tensor) -> Tensor:
    """One row of random numbers per clip, `[B, n]`, on the device of `like`."""
    rows = np.stack([draw(rng) for rng in rngs])
    return torch.as_tensor(rows, dtype=torch.float32).to(like.device, non_blocking=True)
