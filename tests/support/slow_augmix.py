"""AugMix, one clip and one operation at a time, in float64, from the operations' definitions.

Written without the project's tables, matrices and batching. Geometric neighbours are one interpolation: an output pixel
is followed back through the operations, last one first, and read once.
"""

from __future__ import annotations

import math
from itertools import groupby, pairwise

import numpy as np
import numpy.typing as npt
from scipy.ndimage import map_coordinates

from cmr_clip.transforms.augmix.plans import ClipPlan, Operation, Step

Array = npt.NDArray[np.float64]

_POSITION = {
    Operation.ROTATE: lambda x, y, v, h, w: (
        x * math.cos(math.radians(v)) - y * math.sin(math.radians(v)),
        x * math.sin(math.radians(v)) + y * math.cos(math.radians(v)),
    ),
    Operation.SHEAR_X: lambda x, y, v, h, w: (x + v * (y + h / 2), y),
    Operation.SHEAR_Y: lambda x, y, v, h, w: (x, y + v * (x + w / 2)),
    Operation.TRANSLATE_X: lambda x, y, v, h, w: (x + v * w, y),
    Operation.TRANSLATE_Y: lambda x, y, v, h, w: (x, y + v * h),
}


def warp(clip: Array, steps: list[Step], fill: float) -> Array:
    _, height, width = clip.shape
    rows, columns = np.mgrid[:height, :width].astype(float)
    x, y = columns + 0.5 - width / 2, rows + 0.5 - height / 2
    for step in reversed(steps):
        x, y = _POSITION[step.operation](x, y, step.value, height, width)
    where = [y + height / 2 - 0.5, x + width / 2 - 0.5]
    return np.stack([map_coordinates(frame, where, order=1, mode="grid-constant", cval=fill) for frame in clip])


def nearest_level(clip: Array) -> npt.NDArray[np.int64]:
    return np.floor(clip * 255 + 0.5).astype(np.int64).clip(0, 255)


def equalize(clip: Array) -> Array:
    levels = nearest_level(clip)
    counts = [int((levels == level).sum()) for level in range(256)]
    last = max(level for level in range(256) if counts[level])
    step = (sum(counts) - counts[last]) // 255
    if step == 0:
        return levels / 255
    table, below = [], step // 2
    for count in counts:
        table.append(min(255, below // step))
        below += count
    return np.array(table)[levels] / 255


def auto_contrast(clip: Array) -> Array:
    low, high = clip.min(), clip.max()
    return clip if low == high else (clip - low) / (high - low)


def posterize(clip: Array, bits: float) -> Array:
    mask = 256 - 2 ** (8 - int(bits))
    return (nearest_level(clip) & mask) / 255


def sharpness(clip: Array, factor: float) -> Array:
    out = clip.copy()
    kernel = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]]) / 13
    for row in range(1, clip.shape[1] - 1):
        for column in range(1, clip.shape[2] - 1):
            near = clip[:, row - 1 : row + 2, column - 1 : column + 2]
            smooth = (near * kernel).sum((1, 2))
            out[:, row, column] = factor * clip[:, row, column] + (1 - factor) * smooth
    return out.clip(0, 1)


def pointwise(clip: Array, step: Step) -> Array:
    value = step.value
    match step.operation:
        case Operation.AUTO_CONTRAST:
            return auto_contrast(clip)
        case Operation.EQUALIZE:
            return equalize(clip)
        case Operation.POSTERIZE:
            return posterize(clip, value)
        case Operation.SOLARIZE:
            return np.where(clip >= np.float32(value), 1 - clip, clip)
        case Operation.CONTRAST:
            return (value * clip + (1 - value) * clip.mean()).clip(0, 1)
        case Operation.BRIGHTNESS:
            return (value * clip).clip(0, 1)
    raise AssertionError(step)


def kind(step: Step) -> str:
    if step.operation in _POSITION:
        return "geometric"
    return "sharpness" if step.operation is Operation.SHARPNESS else "pointwise"


def branch(clip: Array, steps: tuple[Step, ...], fill: float) -> Array:
    shown = [step for step in steps if step.operation is not Operation.SATURATION]
    for name, run in groupby(shown, key=kind):
        if name == "geometric":
            clip = warp(clip, list(run), fill)
        elif name == "sharpness":
            for step in run:
                clip = sharpness(clip, step.value)
        else:
            clip = nearest_level(clip) / 255
            for step in run:
                clip = pointwise(clip, step)
    return clip


def slow_augmix(clip: Array, plan: ClipPlan, fill: float = 0.0) -> Array:
    """float64 `[T, H, W]` in [0, 1] to the same."""
    mixed = plan.keep * clip
    for part in plan.branches:
        mixed = mixed + (1 - plan.keep) * part.weight * branch(clip, part.steps, fill)
    return mixed


def rounds_interpolated_values(plan: ClipPlan) -> bool:
    """Whether a float32 and a float64 run may fall on different sides of a rounding: levels of interpolated values."""
    for part in plan.branches:
        kinds = [kind(step) for step in part.steps if step.operation is not Operation.SATURATION]
        if any(b == "pointwise" and a != "pointwise" for a, b in pairwise(kinds)):
            return True
    return False
