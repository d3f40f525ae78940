"""Point-wise operations as tables over the 256 grey levels, with statistics over all frames of a clip.

A run of point-wise operations never touches the pixels in between: the operations act on a table `[256]` of values in
[0, 1] and on the clip's histogram, and the finished table is looked up once. Statistics (extremes, mean, histogram)
are taken over the whole clip, where the library takes them frame by frame: a statistic that changes from frame to
frame would make the intensity flicker, which no scanner does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from cmr_clip.transforms.augmix.plans import Operation, Step

__all__ = ["LEVELS", "compose_tables", "count_by_frame", "count_levels", "look_up", "needs_counts", "to_levels"]

LEVELS = 256
_FIRST_BITS_ARE_INTEGER, _BITS_OF_ZERO = torch.tensor(2.0**23), 0x4B000000
_STATISTICAL = frozenset({Operation.AUTO_CONTRAST, Operation.EQUALIZE, Operation.CONTRAST})

_TableRule = Callable[[Tensor, Tensor | None, Tensor], Tensor]


def to_levels(video: Tensor) -> Tensor:
    """Nearest of the 256 levels: float32 `[...]` in [0, 1] to int32 `[...]`.

    The library truncates, so that `k/255` may become level `k − 1`, depending on rounding; here it is always `k`.
    Adding 2²³ leaves the rounded number in the low bits of a float32, which is several times faster on a CPU than the
    conversion from float.
    """
    shifted = torch.add(_FIRST_BITS_ARE_INTEGER, video, alpha=LEVELS - 1).view(torch.int32)
    return shifted.sub_(_BITS_OF_ZERO).clamp_(0, LEVELS - 1)


def needs_counts(steps: Sequence[Step]) -> bool:
    """Whether a run of point-wise operations depends on the clip's histogram."""
    return any(step.operation in _STATISTICAL for step in steps)


def count_levels(levels: Tensor) -> Tensor:
    """Histograms of whole clips: levels `[N, T, H, W]` to int64 `[N, 256]`."""
    if levels.device.type == "cpu":
        return torch.stack([clip.flatten().bincount(minlength=LEVELS) for clip in levels])
    return count_by_frame(levels)


def count_by_frame(levels: Tensor) -> Tensor:
    """`count_levels` for GPUs, levels `[N, T, H, W]` to int64 `[N, 256]`.

    Fewer atomic additions meet on one address, and nothing waits for the device.
    """
    index = levels.flatten(2).long()
    one = torch.ones((), dtype=torch.int32, device=levels.device)
    counts = torch.zeros(*index.shape[:2], LEVELS, dtype=torch.int32, device=levels.device)
    return counts.scatter_add_(2, index, one.expand_as(index)).sum(dim=1)


def look_up(tables: Tensor, levels: Tensor) -> Tensor:
    """Replace every level by its value: `[N, 256]` and `[N, T, H, W]` to `[N, T, H, W]`."""
    if len(tables) == 1:  # spares a CPU the conversion of the index
        return tables[0].index_select(0, levels.flatten()).view(levels.shape)
    return tables.gather(1, levels.flatten(1).long()).view(levels.shape)


def compose_tables(runs: Sequence[Sequence[Step]], counts: Tensor | None, device: torch.device) -> Tensor:
    """Tables of several runs of point-wise operations.

    Args:
        runs: the operations of each of N clips.
        counts: `[N, 256]`, histograms of the clips as they enter; may be None if no run needs one.
        device: where the tables are made.

    Returns:
        float32 `[N, 256]`, the value in [0, 1] that each level becomes.
    """
    tables = torch.linspace(0, 1, LEVELS, device=device).expand(len(runs), -1)
    for position in range(max(len(run) for run in runs)):
        for operation, rule in _RULES.items():
            rows = [n for n, run in enumerate(runs) if len(run) > position and run[position].operation is operation]
            if rows:
                index = torch.tensor(rows, device=device)
                values = torch.tensor([[runs[n][position].value] for n in rows], dtype=torch.float32, device=device)
                changed = rule(tables[index], None if counts is None else counts[index], values)
                tables = tables.index_copy(0, index, changed)
    return tables


def _brightness(tables: Tensor, _: Tensor | None, factors: Tensor) -> Tensor:
    return (tables * factors).clamp(0, 1)


def _solarize(tables: Tensor, _: Tensor | None, thresholds: Tensor) -> Tensor:
    return torch.where(tables >= thresholds, 1 - tables, tables)


def _posterize(tables: Tensor, _: Tensor | None, bits: Tensor) -> Tensor:
    width = 2.0 ** (8 - bits)
    return torch.floor(to_levels(tables) / width) * width / (LEVELS - 1)


def _contrast(tables: Tensor, counts: Tensor | None, factors: Tensor) -> Tensor:
    assert counts is not None
    weights = counts.double()
    mean = (tables * weights).sum(dim=1, keepdim=True) / weights.sum(dim=1, keepdim=True)
    return (factors * tables + (1 - factors) * mean.float()).clamp(0, 1)


def _auto_contrast(tables: Tensor, counts: Tensor | None, _: Tensor) -> Tensor:
    assert counts is not None
    absent = counts == 0
    low = tables.masked_fill(absent, 2).amin(dim=1, keepdim=True)
    high = tables.masked_fill(absent, -1).amax(dim=1, keepdim=True)
    flat = high <= low
    spread = torch.where(flat, 1, high - low)
    return ((tables - torch.where(flat, 0, low)) / spread).clamp(0, 1)


def _equalize(tables: Tensor, counts: Tensor | None, _: Tensor) -> Tensor:
    """Levels below a level, in units of 1/255 of all pixels except those of the highest level that occurs."""
    assert counts is not None
    levels = to_levels(tables).long()
    present = torch.zeros_like(counts).scatter_add_(1, levels, counts)
    up_to = present.cumsum(dim=1)
    highest = (present > 0).long().cumsum(dim=1).argmax(dim=1, keepdim=True)
    step = (up_to[:, -1:] - present.gather(1, highest)) // (LEVELS - 1)
    spread = (up_to - present + step // 2) // step.clamp(min=1)
    identity = torch.arange(LEVELS, device=tables.device).expand_as(spread)
    mapped = torch.where(step > 0, spread.clamp(max=LEVELS - 1), identity)
    return mapped.gather(1, levels).float() / (LEVELS - 1)


_RULES: dict[Operation, _TableRule] = {
    Operation.AUTO_CONTRAST: _auto_contrast,
    Operation.EQUALIZE: _equalize,
    Operation.POSTERIZE: _posterize,
    Operation.SOLARIZE: _solarize,
    Operation.CONTRAST: _contrast,
    Operation.BRIGHTNESS: _brightness,
}
