"""Pooling of tokens where they lie: `[B, T, H, W, D]` is already a channels-last video, so nothing is permuted.

A depth-wise convolution shared by all heads is one over D = heads · C channels with its kernel repeated per head.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["Grid", "PoolingKernel", "depthwise_pool", "max_pool", "touched_grid", "touched_tokens"]

Grid = tuple[int, int, int]

PoolingKernel = Literal["auto", "conv", "frames", "taps"]
"""How the depth-wise pooling is computed; every choice computes the same sums.

`conv` is one three-dimensional convolution, `frames` three two-dimensional ones that are shifted in time and added,
`taps` 27 shifted multiply-adds, which are slow one by one and which `torch.compile` fuses into one kernel. `auto`
takes `conv` on CPUs where no gradient is wanted and `frames` otherwise: the backward pass of oneDNN's depth-wise 3-D
convolution takes up to ten times as long (measured), and slow 3-D depth-wise kernels on GPUs are pytorch#34089.
"""

_REACH = 1  # every pooling kernel of mViT is 3 wide, padded by 1


def depthwise_pool(video: Tensor, weight: Tensor, stride: Grid, kernel: PoolingKernel = "auto") -> Tensor:
    """Depth-wise 3 × 3 × 3 convolution with padding 1.

    Args:
        video: `[B, T, H, W, D]`.
        weight: `[D, 1, 3, 3, 3]`.
        stride: (T, H, W).
        kernel: which implementation.

    Returns:
        `[B, T', H', W', D]`.
    """
    if kernel == "auto":
        trains = torch.is_grad_enabled() and (video.requires_grad or weight.requires_grad)
        kernel = "frames" if trains or video.device.type != "cpu" else "conv"
    match kernel:
        case "conv":
            channels_first = video.permute(0, 4, 1, 2, 3)
            pooled = F.conv3d(channels_first, weight, stride=stride, padding=_REACH, groups=len(weight))
            return pooled.permute(0, 2, 3, 4, 1)
        case "frames":
            return _sum_of_frames(video, weight, stride)
        case "taps":
            return _sum_of_taps(video, weight, stride)


def _sum_of_frames(video: Tensor, weight: Tensor, stride: Grid) -> Tensor:
    """As `depthwise_pool`: `[B, T, H, W, D]` to `[B, T', H', W', D]`."""
    batch, frames, rows, columns, channels = video.shape
    pictures = video.reshape(batch * frames, rows, columns, channels).permute(0, 3, 1, 2)
    if video.device.type == "cpu" and video.dtype == torch.bfloat16:
        # oneDNN has a fast backward pass of depth-wise convolutions in fp32 only
        with torch.autocast("cpu", enabled=False):
            planes = _planes(pictures.float(), weight.float(), stride)
    else:
        planes = _planes(pictures, weight, stride)
    videos = (plane.permute(0, 2, 3, 1).reshape(batch, frames, *plane.shape[2:], channels) for plane in planes)
    before, here, after = videos
    before = F.pad(before[:, :-1], (0, 0) * 3 + (1, 0))
    after = F.pad(after[:, 1:], (0, 0) * 3 + (0, 1))
    pooled: Tensor = before + here + after
    return pooled[:, :: stride[0]].to(video.dtype)


def _planes(pictures: Tensor, weight: Tensor, stride: Grid) -> list[Tensor]:
    """What each frame of `[B · T, D, H, W]` adds to the frame after it, to itself and to the frame before it.

    Returns:
        Three of `[B · T, D, H', W']`.
    """
    return [
        F.conv2d(pictures, weight[:, :, tap], stride=stride[1:], padding=_REACH, groups=len(weight)) for tap in range(3)
    ]


def _sum_of_taps(video: Tensor, weight: Tensor, stride: Grid) -> Tensor:
    """As `depthwise_pool`: `[B, T, H, W, D]` to `[B, T', H', W', D]`."""
    sizes = [(size - 1) // step + 1 for size, step in zip(video.shape[1:4], stride, strict=True)]
    spans = [step * (size - 1) + 1 for size, step in zip(sizes, stride, strict=True)]
    padded = F.pad(video, (0, 0) + (_REACH, _REACH) * 3)
    pooled = video.new_zeros(())
    width = 2 * _REACH + 1
    for tap in range(width**3):
        t, h, w = tap // width**2, tap // width % width, tap % width
        shifted = padded[:, t : t + spans[0] : stride[0], h : h + spans[1] : stride[1], w : w + spans[2] : stride[2]]
        pooled = pooled + shifted * weight[:, 0, t, h, w]
    return pooled


def max_pool(tokens: Tensor, grid: Grid, kernel: Grid, stride: Grid) -> Tensor:
    """Max pooling within frames, of all tokens but the class token.

    Args:
        tokens: `[B, 1 + T·H·W, D]`.
        grid: (T, H, W).
        kernel: its T is 1.
        stride: its T is 1.

    Returns:
        `[B, 1 + T·H'·W', D]`.
    """
    batch, _, channels = tokens.shape
    frames = tokens[:, 1:].reshape(batch * grid[0], grid[1], grid[2], channels).permute(0, 3, 1, 2)
    pooled = F.max_pool2d(frames, kernel[1:], stride[1:], (kernel[1] // 2, kernel[2] // 2))
    return torch.cat([tokens[:, :1], pooled.permute(0, 2, 3, 1).reshape(batch, -1, channels)], dim=1)


def touched_grid(grid: Grid, stride: Grid) -> Grid:
    """Size of the grid of those tokens that a strided pooling reads; see `touched_tokens`."""
    t, h, w = (_touched(size, step) for size, step in zip(grid, stride, strict=True))
    return t, h, w


def touched_tokens(grid: Grid, stride: Grid, device: torch.device) -> Tensor:
    """Which tokens a strided pooling reads, the class token first.

    Output i of an axis reads the positions s·i-1, s·i and s·i+1. With a stride s above 3 the others are never read:
    for stride 8 only 9 of 64 positions are. Pooling the compacted grid with stride 3 gives the same sums.

    Args:
        grid: (T, H, W).
        stride: (T, H, W) of the pooling.
        device: where the index is made.

    Returns:
        `[1 + T'·H'·W']` int64 into tokens `[B, 1 + T·H·W, D]`.
    """
    axes = []  # the positions of each axis that are read, in order
    for size, step in zip(grid, stride, strict=True):
        after = torch.arange(1, _touched(size, step) + 1, device=device)
        axes.append(after - 1 if step <= 2 * _REACH + 1 else step * (after // 3) + after % 3 - 1)
    t, h, w = axes
    index = (t[:, None, None] * grid[1] + h[:, None]) * grid[2] + w
    return F.pad(index.flatten() + 1, (1, 0))


def _touched(size: int, step: int) -> int:
    if step <= 2 * _REACH + 1:
        return size
    outputs = (size - 1) // step + 1
    below_the_edge = step * (outputs - 1) + 1 >= size
    return 3 * outputs - 1 - int(below_the_edge)
