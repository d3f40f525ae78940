"""AugMix for grey video: drawn per clip on the host, carried out for the whole batch on its device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cmr_clip.errors import ConfigurationError
from cmr_clip.transforms.augmix.chains import mix
from cmr_clip.transforms.augmix.cpu import mix_on_cpu
from cmr_clip.transforms.augmix.plans import MAX_LEVEL, Branch, ClipPlan, Operation, is_signed, step_at

__all__ = ["AugMix"]

_LOWEST_LEVEL = 0.1
_DEEPEST = 3
# Pixels worked on at a time, which bounds the memory of a GPU (about 40 clips of 16 × 224 × 224, some 2 GB of
# intermediate results).
_DEVICE_PIXELS = 2**25


@dataclass(frozen=True)
class AugMix:
    """Mixes a clip with randomly changed copies of itself, in intensities from 0 to 1.

    `draw` uses a clip's own generator only, and `apply` treats every clip by its own plan, so that a clip's result
    depends on neither its batch, its rank nor its device. All frames of a clip are changed alike.

    Attributes:
        magnitude: largest strength, up to 10; each operation draws its level from 0.1 to this. 0 turns AugMix off.
        alpha: parameter of the Dirichlet distribution of the branches' weights and of the Beta distribution of the
            unchanged clip's share.
        width: number of branches.
        depth: operations per branch, drawn with replacement; −1 draws 1 to 3.
        fill: intensity outside the image. The library's 0.5 is next to black on the paper's 0–255 floats.
    """

    magnitude: float = 3.0
    alpha: float = 1.0
    width: int = 3
    depth: int = -1
    fill: float = 0.0

    def __post_init__(self) -> None:
        for name, valid, remedy in (
            ("magnitude", 0 <= self.magnitude <= MAX_LEVEL, f"choose 0 (off) to {MAX_LEVEL:g}"),
            ("alpha", self.alpha > 0, "choose a positive number, for example 1"),
            ("width", self.width >= 1, "choose at least one branch, or magnitude 0 for none"),
            ("depth", self.depth == -1 or self.depth >= 1, f"choose -1 (1 to {_DEEPEST} operations) or at least 1"),
            ("fill", 0 <= self.fill <= 1, "choose an intensity from 0 (black) to 1"),
        ):
            if not valid:
                raise ConfigurationError(f"AugMix: {name} is {getattr(self, name)}", remedy)

    def draw(self, rng: np.random.Generator) -> ClipPlan:
        """Decide what becomes of one clip."""
        if self.magnitude == 0:
            return ClipPlan(keep=1.0, branches=())
        keep = float(rng.beta(self.alpha, self.alpha))
        weights = rng.dirichlet([self.alpha] * self.width)
        operations = list(Operation)
        branches = []
        for weight in weights:
            steps = []
            depth = int(rng.integers(1, _DEEPEST + 1)) if self.depth == -1 else self.depth
            for _ in range(depth):
                operation = operations[rng.integers(len(operations))]
                level = _LOWEST_LEVEL + rng.random() * (self.magnitude - _LOWEST_LEVEL)
                steps.append(step_at(operation, level, negate=is_signed(operation) and bool(rng.random() < 0.5)))
            branches.append(Branch(float(weight), tuple(steps)))
        return ClipPlan(keep, tuple(branches))

    @torch.no_grad()
    def apply(self, video: Tensor, plans: Sequence[ClipPlan]) -> Tensor:
        """Carry out the plans.

        Args:
            video: `[B, T, H, W]` in [0, 1], of any floating type; computed in float32.
            plans: one per clip, from `draw`.

        Returns:
            `[B, T, H, W]` in [0, 1], of the same type; the input is left as it is.

        Raises:
            ValueError: not one plan per clip, or not a floating type.
        """
        if len(plans) != len(video) or not video.is_floating_point():
            raise ValueError(
                f"{len(plans)} plans for {len(video)} clips of type {video.dtype}: want floats, one plan each"
            )
        if video.device.type == "cpu":
            return mix_on_cpu(video, plans, self.fill).to(video.dtype)
        return self._apply_in_parts(video, plans)

    def _apply_in_parts(self, video: Tensor, plans: Sequence[ClipPlan]) -> Tensor:
        """`apply` with torch alone, the way of GPUs: as many clips at once as there is room for."""
        size = max(1, _DEVICE_PIXELS // max(1, video[:1].numel()))
        out = torch.empty_like(video)
        for start in range(0, len(video), size):
            part = slice(start, start + size)
            out[part] = mix(video[part].float(), plans[part], self.fill).clamp_(0, 1)
        return out

    def __call__(self, video: Tensor, rngs: Sequence[np.random.Generator]) -> Tensor:
        """`apply` with a fresh plan from each clip's generator."""
        return self.apply(video, [self.draw(rng) for rng in rngs])
