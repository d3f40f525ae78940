"""AugMix on a CPU: clip by clip, with the frames last in memory; the same result as `chains.mix`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cmr_clip.transforms.augmix import cpu_loops as kernels
from cmr_clip.transforms.augmix.affine import sampling_matrix
from cmr_clip.transforms.augmix.chains import Kind, Stage, stages_of, unchanged_share
from cmr_clip.transforms.augmix.cpu_loops import FloatPixels, Levels, Matrix, compiled
from cmr_clip.transforms.augmix.grey_levels import compose_tables, needs_counts
from cmr_clip.transforms.augmix.plans import ClipPlan

__all__ = ["mix_on_cpu"]


def mix_on_cpu(video: Tensor, plans: Sequence[ClipPlan], fill: float) -> Tensor:
    """Carry out the plans of a batch.

    Args:
        video: `[B, T, H, W]` in [0, 1], of any floating type; fastest if float32 with the frames last in memory.
        plans: one per clip.
        fill: value outside the image, for geometric operations.

    Returns:
        float32 `[B, T, H, W]` in [0, 1], contiguous.
    """
    out = torch.empty(video.shape)
    mixer = _Mixer(fill)
    for clip, plan, result in zip(video, plans, out, strict=True):
        source = _Source(clip.detach().float().permute(1, 2, 0).contiguous().numpy())
        compiled(kernels.frames_first)(mixer.mix(source, plan), result.numpy())
    return out


class _Source:
    """A clip, `[H, W, T]`, with what point-wise operations need of it."""

    def __init__(self, pixels: FloatPixels) -> None:
        self.pixels = pixels

    @property
    def flat(self) -> FloatPixels:
        """All pixels in a row, `[H·W·T]`."""
        return self.pixels.reshape(-1)

    @cached_property
    def levels(self) -> Levels:
        """Grey levels of `flat`."""
        levels = np.empty(self.pixels.size, np.uint8)
        compiled(kernels.to_levels)(self.flat, levels)
        return levels

    @cached_property
    def counts(self) -> npt.NDArray[np.int64]:
        """Pixels of each level, `[256]`."""
        counts: npt.NDArray[np.int64] = compiled(kernels.count)(self.levels)
        return counts


class _Mixer:
    """Adds the branches of one clip after the other; keeps its arrays, since new memory costs as much as the work."""

    def __init__(self, fill: float) -> None:
        self.fill = fill
        self._arrays: list[FloatPixels] = []

    def mix(self, source: _Source, plan: ClipPlan) -> FloatPixels:
        """The sum of all branches, `[H, W, T]`; good until the next call."""
        if not self._arrays:
            self._arrays = [np.empty_like(source.pixels) for _ in range(3)]
        total = self._arrays[0]
        branches = [((1 - plan.keep) * branch.weight, stages_of(branch.steps)) for branch in plan.branches]
        active = [(weight, stages) for weight, stages in branches if stages and weight > 0]
        tables = [np.float32(weight) * _table(stages[0], source) for weight, stages in active if _is_table(stages)]
        share = np.float32(unchanged_share(plan))
        if tables:
            compiled(kernels.start)(source.flat, source.levels, share, np.sum(tables, axis=0), total.reshape(-1))
        else:
            np.multiply(source.pixels, share, out=total)
        for weight, stages in active:
            if not _is_table(stages):
                self._add_branch(source, stages, weight)
        return total

    def _add_branch(self, source: _Source, stages: tuple[Stage, ...], weight: float) -> None:
        for number, stage in enumerate(stages[:-1]):
            target = self._arrays[1 + number % 2]
            self._run(stage, source, 1.0, False, target)
            source = _Source(target)
        self._run(stages[-1], source, weight, True, self._arrays[0])

    def _run(self, stage: Stage, source: _Source, weight: float, add: bool, target: FloatPixels) -> None:
        match stage.kind:
            case Kind.TABLE:
                table = np.float32(weight) * _table(stage, source)
                compiled(kernels.look_up)(source.levels, table, add, target.reshape(-1))
            case Kind.SHARPEN:
                compiled(kernels.sharpen)(source.pixels, stage.steps[0].value, weight, add, target)
            case Kind.RESAMPLE:
                height, width, _ = source.pixels.shape
                # From centred positions (column, row, 1) to numbered pixels (row, column, 1): `[3, 3]` to `[2, 3]`
                to_centre = np.array([[1, 0, 0.5 - width / 2], [0, 1, 0.5 - height / 2], [0, 0, 1]])
                moved = sampling_matrix(stage.steps, height, width) @ to_centre
                moved[:2, 2] -= to_centre[:2, 2]
                matrix: Matrix = np.ascontiguousarray(moved[[1, 0]][:, [1, 0, 2]])
                sample = kernels.shift if tuple(matrix[:, 1]) == (0, 1) else kernels.sample
                compiled(sample)(source.pixels, matrix, self.fill, weight, add, target)


def _is_table(stages: tuple[Stage, ...]) -> bool:
    """Whether a branch is one table: then it needs no pass of its own."""
    return len(stages) == 1 and stages[0].kind is Kind.TABLE


def _table(stage: Stage, source: _Source) -> FloatPixels:
    counts = torch.from_numpy(source.counts)[None] if needs_counts(stage.steps) else None
    table: FloatPixels = compose_tables([stage.steps], counts, torch.device("cpu"))[0].numpy()
    return table
