"""The stated baseline of `clip_pipeline.py`: a clip as the paper's public tools store, read and augment it.

Own code after the description of those tools: gzip float32 with three equal channels, read whole; then operations of
AugMix one after the other on `[T, 3, H, W]`, a clip at a time, with statistics per frame and channel.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from cmr_clip.clips.spec import subsample_frames
from cmr_clip.transforms.augmix.affine import step_matrix
from cmr_clip.transforms.augmix.augmix import AugMix
from cmr_clip.transforms.augmix.plans import GEOMETRIC, Operation, Step

__all__ = ["Resize", "augment", "read", "write"]

Resize = Literal["nearest", "bilinear"]

_FILL = 0.5
_GREY = torch.tensor([0.2989, 0.587, 0.114])


def write(path: Path, cine: npt.NDArray[Any], side: int, resize: Resize) -> None:
    """Store a cine `[f, h, w]` resized to 4/3 of `side`, its centre cut out, as three equal channels."""
    short = round(side * 4 / 3)
    native = torch.from_numpy(cine.astype(np.float32))[None]
    resized = F.interpolate(native, size=(short, short), mode=resize, antialias=resize == "bilinear")[0]
    low = (short - side) // 2
    frames = resized[:, low : low + side, low : low + side].numpy()
    with h5py.File(path, "w") as file:
        file.create_dataset("4CH", data=np.stack([frames] * 3), compression="gzip", compression_opts=4, chunks=True)


def read(path: Path) -> Tensor:
    """The whole data set, `[3, f, h, w]` float32."""
    with h5py.File(path, "r") as file:
        return torch.from_numpy(file["4CH"][()])


def augment(video: Tensor, n_frames: int, size: int, rng: np.random.Generator) -> Tensor:
    """Frames, AugMix, normalisation, random scale, random crop, mirroring and division, in the tools' order."""
    short = int(rng.integers(264, 381)) * size // 224
    top, left, mirror = rng.uniform(size=3)
    video = video[:, torch.from_numpy(subsample_frames(video.shape[1], n_frames))]
    video = _augmix(video.permute(1, 0, 2, 3), rng).permute(1, 0, 2, 3)
    mean, std = torch.tensor([0.45] * 3), torch.tensor([0.225] * 3)
    video = (video - mean[:, None, None, None]) / std[:, None, None, None]
    video = F.interpolate(video, size=(short, short), mode="bilinear", align_corners=False)
    row, column = (int(place * (short - size + 1)) for place in (top, left))
    video = video[:, :, row : row + size, column : column + size]
    return (video.flip(-1) if mirror < 0.5 else video) / 255


def _augmix(video: Tensor, rng: np.random.Generator) -> Tensor:
    plan = AugMix().draw(rng)
    mixed = torch.zeros(video.shape)
    for branch in plan.branches:
        changed = video
        for step in branch.steps:
            changed = _apply(changed, step)
        mixed += branch.weight * changed
    return plan.keep * video + (1 - plan.keep) * mixed


def _apply(video: Tensor, step: Step) -> Tensor:
    if step.operation in GEOMETRIC:
        return _affine(video, step)
    return _FRAME_OPERATIONS[step.operation](video, step.value)


def _affine(video: Tensor, step: Step) -> Tensor:
    """A resampling of every channel with its own grid per frame, and of a mask for the outside."""
    frames, _, height, width = video.shape
    matrix = torch.from_numpy(step_matrix(step, height, width)[:2]).float()
    theta = matrix * torch.tensor([[1, height / width, 2 / width], [width / height, 1, 2 / height]])
    grid = F.affine_grid(theta[None], [1, 1, height, width], align_corners=False).expand(frames, -1, -1, -1)
    masked = torch.cat([video, torch.ones(frames, 1, height, width)], dim=1)
    sampled = F.grid_sample(masked, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    mask = sampled[:, -1:].expand(-1, 3, -1, -1)
    fill = torch.tensor([_FILL] * 3)[None, :, None, None].expand(frames, -1, height, width)
    filled: Tensor = sampled[:, :-1] * mask + (1 - mask) * fill
    return filled


def _blend(first: Tensor, second: Tensor, factor: float) -> Tensor:
    return (factor * first + (1 - factor) * second).clamp(0, 1)


def _auto_contrast(video: Tensor, _: float) -> Tensor:
    low, high = video.amin((-2, -1), keepdim=True), video.amax((-2, -1), keepdim=True)
    flat = low == high
    low, high = torch.where(flat, 0, low), torch.where(flat, 1, high)
    return ((video - low) * (1 / (high - low))).clamp(0, 1)


def _equalize(video: Tensor, _: float) -> Tensor:
    levels = (video * 255).to(torch.int32).to(torch.uint8)
    return torch.stack([torch.stack([_equalize_channel(channel) for channel in frame]) for frame in levels]) / 255


def _equalize_channel(levels: Tensor) -> Tensor:
    counts = torch.bincount(levels.view(-1), minlength=256)
    present = counts[counts != 0]
    step = int(present[:-1].sum() // 255)
    if step == 0:
        return levels
    table = F.pad((counts.cumsum(0) + step // 2) // step, [1, 0])[:-1].clamp(0, 255)
    equalized: Tensor = table[levels.long()].to(torch.uint8)
    return equalized


def _posterize(video: Tensor, bits: float) -> Tensor:
    levels = (video * 255).to(torch.int32).to(torch.uint8)
    kept: Tensor = (levels & (256 - 2 ** (8 - int(bits)))) / 255
    return kept


def _solarize(video: Tensor, threshold: float) -> Tensor:
    return torch.where(video >= threshold, 1 - video, video)


def _grey(video: Tensor) -> Tensor:
    red, green, blue = video.unbind(dim=-3)
    grey: Tensor = (_GREY[0] * red + _GREY[1] * green + _GREY[2] * blue).unsqueeze(-3)
    return grey


def _contrast(video: Tensor, factor: float) -> Tensor:
    return _blend(video, _grey(video).mean((-3, -2, -1), keepdim=True), factor)


def _saturation(video: Tensor, factor: float) -> Tensor:
    return _blend(video, _grey(video).expand(video.shape), factor)


def _brightness(video: Tensor, factor: float) -> Tensor:
    return _blend(video, torch.zeros_like(video), factor)


def _sharpness(video: Tensor, factor: float) -> Tensor:
    kernel = torch.ones(3, 3)
    kernel[1, 1] = 5
    smooth = video.clone()
    smooth[..., 1:-1, 1:-1] = F.conv2d(video, (kernel / kernel.sum()).expand(3, 1, 3, 3), groups=3)
    return _blend(video, smooth, factor)


_FRAME_OPERATIONS: dict[Operation, Callable[[Tensor, float], Tensor]] = {
    Operation.AUTO_CONTRAST: _auto_contrast,
    Operation.EQUALIZE: _equalize,
    Operation.POSTERIZE: _posterize,
    Operation.SOLARIZE: _solarize,
    Operation.SATURATION: _saturation,
    Operation.CONTRAST: _contrast,
    Operation.BRIGHTNESS: _brightness,
    Operation.SHARPNESS: _sharpness,
}
