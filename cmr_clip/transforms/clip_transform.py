"""uint8 clips to network input in one resampling: cast, crop, rotate, resize, jitter and normalise, batched."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from cmr_clip.data.clips import ClipSpec, RawClips

__all__ = ["Augmentation", "ClipTransform"]


@dataclass(frozen=True)
class Augmentation:
    """Random changes, one draw per clip and the same for all its frames. No mirroring: it would swap the sides.

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


class ClipTransform:
    """Raw clips to normalised clips.

    Args:
        spec: size, field of view and normalisation.
        augmentation: random changes while training; None for evaluation.
    """

    def __init__(self, spec: ClipSpec, augmentation: Augmentation | None = None) -> None:
        self.spec = spec
        self.augmentation = augmentation

    def __call__(self, raw: RawClips) -> Tensor:
        """`[B, T, H, W]` uint8 to `[B, 1, T, size, size]` float32."""
        video = raw.frames.float() / 255
        half = self._half_width(raw)
        video = self._resample(video, raw.extent / 2, half)
        if self.augmentation is not None:
            video = self._jitter(video, self.augmentation)
        return ((video - self.spec.mean) / self.spec.std).unsqueeze(1)

    def _half_width(self, raw: RawClips) -> Tensor:
        """Half the side of the sampled square in pixels, `[B, 2]` (rows, columns)."""
        if self.spec.field_of_view_mm is not None:
            return self.spec.field_of_view_mm / raw.spacing / 2
        shorter = (raw.extent * raw.spacing).min(dim=1, keepdim=True).values
        return self.spec.crop * shorter / raw.spacing / 2

    def _resample(self, video: Tensor, centre: Tensor, half: Tensor) -> Tensor:
        """Sample a square around `centre` with `half` its width; averages where that shrinks the image."""
        size = self.spec.size
        over = min(4, max(1, math.ceil(2 * float(half.max()) / size - 0.25)))
        grid = self._grid(len(video), size * over, video.device)
        pixels = grid * half[:, None, None, :] + centre[:, None, None, :]
        shape = torch.tensor(video.shape[2:], device=video.device)
        normalised = 2 * pixels / shape - 1
        out = F.grid_sample(video, normalised.flip(-1), align_corners=False, padding_mode="zeros")
        return F.avg_pool2d(out, over) if over > 1 else out

    def _grid(self, batch: int, size: int, device: torch.device) -> Tensor:
        """Sampling positions in units of the half width, `[B, size, size, 2]` (row, column)."""
        axis = (torch.arange(size, device=device) + 0.5) * (2 / size) - 1
        grid = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), dim=-1).expand(batch, -1, -1, -1)
        if self.augmentation is None:
            return grid
        how = self.augmentation
        angle = _uniform(batch, how.rotation_deg, device) * (math.pi / 180)
        zoom = torch.exp(_uniform(batch, how.scale, device))
        cos, sin = torch.cos(angle) * zoom, torch.sin(angle) * zoom
        matrix = torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], dim=1)
        shift = 2 * torch.stack([_uniform(batch, how.shift, device) for _ in range(2)], dim=-1)
        return torch.einsum("brcj,bij->brci", grid, matrix) + shift[:, None, None, :]

    @staticmethod
    def _jitter(video: Tensor, how: Augmentation) -> Tensor:
        exponent = torch.exp(_uniform(len(video), how.gamma, video.device))
        video = video.clamp(1e-4, 1) ** exponent[:, None, None, None]
        return (video + how.noise * torch.randn_like(video)).clamp(0, 1)


def _uniform(count: int, limit: float, device: torch.device) -> Tensor:
    return (torch.rand(count, device=device) * 2 - 1) * limit
