"""Geometric operations: any number in a row is one matrix and one resampling, shared by all frames of a clip."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from cmr_clip.transforms.augmix.plans import Operation, Step

__all__ = ["resample", "sampling_matrix", "step_matrix"]

_Matrix = npt.NDArray[np.float64]


def step_matrix(step: Step, height: int, width: int) -> _Matrix:
    """Where a geometric operation samples its input.

    Args:
        step: a geometric operation.
        height: rows of the image.
        width: columns of the image.

    Returns:
        `[3, 3]`, from (column, row, 1) of an output pixel to the input position, in pixels from the image's centre.
        Shears keep the first row (X) or column (Y) in place, as in the library.

    Raises:
        ValueError: the operation is not geometric.
    """
    matrix: _Matrix = np.eye(3)
    match step.operation:
        case Operation.ROTATE:
            cos, sin = math.cos(math.radians(step.value)), math.sin(math.radians(step.value))
            matrix[:2, :2] = [[cos, -sin], [sin, cos]]
        case Operation.SHEAR_X:
            matrix[0, 1:] = step.value, step.value * height / 2
        case Operation.SHEAR_Y:
            matrix[1, 0], matrix[1, 2] = step.value, step.value * width / 2
        case Operation.TRANSLATE_X:
            matrix[0, 2] = step.value * width
        case Operation.TRANSLATE_Y:
            matrix[1, 2] = step.value * height
        case _:
            raise ValueError(f"{step.operation.value} is not geometric")
    return matrix


def sampling_matrix(steps: Sequence[Step], height: int, width: int) -> _Matrix:
    """The one matrix `[3, 3]` of consecutive geometric operations, as `step_matrix`; the first operation acts first."""
    matrix: _Matrix = np.eye(3)
    for step in steps:
        matrix = matrix @ step_matrix(step, height, width)
    return matrix


def resample(video: Tensor, matrices: Sequence[_Matrix], fill: float) -> Tensor:
    """Sample every frame of a clip at the same positions, bilinearly.

    Args:
        video: float32 `[N, T, H, W]`.
        matrices: one of `sampling_matrix` per clip.
        fill: value outside the image.

    Returns:
        `[N, T, H, W]`.
    """
    # `[N, H, W, 2]` for `grid_sample`: written as sums of two axes, which is several times faster than a product
    count, _, height, width = video.shape
    half = np.array([width / 2, height / 2])
    stacked = np.stack(matrices)[:, :2]
    stacked[:, :, :2] *= half[None, None, :]
    scaled = torch.from_numpy((stacked / half[None, :, None]).astype(np.float32)).to(video.device)
    x, y = ((torch.arange(size, device=video.device) + 0.5) * (2 / size) - 1 for size in (width, height))
    grid = torch.empty(count, height, width, 2, device=video.device)
    for axis in range(2):
        along_x, along_y, shift = scaled[:, axis].T[:, :, None]
        torch.add((along_y * y + shift)[:, :, None], (along_x * x)[:, None, :], out=grid[..., axis])
    if fill == 0:
        return F.grid_sample(video, grid, align_corners=False)
    return F.grid_sample(video - fill, grid, align_corners=False).add_(fill)
