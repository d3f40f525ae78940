"""Running the branches of many clips together: equal stages of different clips and branches are one batched call."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from itertools import groupby

import torch
from torch import Tensor

from cmr_clip.transforms.augmix.affine import resample, sampling_matrix
from cmr_clip.transforms.augmix.grey_levels import (
    LEVELS,
    compose_tables,
    count_levels,
    look_up,
    needs_counts,
    to_levels,
)
from cmr_clip.transforms.augmix.plans import GEOMETRIC, POINTWISE, ClipPlan, Operation, Step
from cmr_clip.transforms.augmix.sharpness import sharpen

__all__ = ["Chain", "Kind", "Stage", "mix", "stages_of", "unchanged_share"]


class Kind(Enum):
    """How a stage touches the pixels."""

    TABLE = "table"
    RESAMPLE = "resample"
    SHARPEN = "sharpen"


_KINDS = {
    **dict.fromkeys(POINTWISE, Kind.TABLE),
    **dict.fromkeys(GEOMETRIC, Kind.RESAMPLE),
    Operation.SHARPNESS: Kind.SHARPEN,
}


@dataclass(frozen=True)
class Stage:
    """Consecutive operations that need one pass over the pixels."""

    kind: Kind
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Chain:
    """A branch of one clip of the batch.

    Attributes:
        clip: index in the batch.
        branch: index among the branches of its clip.
        weight: share of its result in the clip's output.
        stages: what is done, in order; empty where the branch changes nothing.
    """

    clip: int
    branch: int
    weight: float
    stages: tuple[Stage, ...]


def stages_of(steps: Iterable[Step]) -> tuple[Stage, ...]:
    """Merge neighbours that need one pass only; leave out what changes nothing on grey video."""
    merged: list[Stage] = []
    for step in steps:
        if step.operation is Operation.SATURATION:
            continue
        kind = _KINDS[step.operation]
        if merged and merged[-1].kind is kind and kind is not Kind.SHARPEN:
            merged[-1] = Stage(kind, (*merged[-1].steps, step))
        else:
            merged.append(Stage(kind, (step,)))
    return tuple(merged)


def mix(video: Tensor, plans: Sequence[ClipPlan], fill: float) -> Tensor:
    """Carry out the plans of a batch.

    Args:
        video: float32 `[B, T, H, W]` in [0, 1].
        plans: one per clip.
        fill: value outside the image, for geometric operations.

    Returns:
        float32 `[B, T, H, W]`.
    """
    chains = [
        Chain(clip, number, (1 - plan.keep) * branch.weight, stages_of(branch.steps))
        for clip, plan in enumerate(plans)
        for number, branch in enumerate(plan.branches)
    ]
    chains.sort(key=lambda chain: chain.branch)
    return _Mixture(video, plans, fill).run(chains)


def unchanged_share(plan: ClipPlan) -> float:
    """Share of the clip itself in its output, with the branches that change nothing."""
    idle = (branch.weight for branch in plan.branches if not stages_of(branch.steps))
    return plan.keep + (1 - plan.keep) * sum(idle)


class _Mixture:
    """The sum that the branches of a batch add to, stage by stage."""

    def __init__(self, video: Tensor, plans: Sequence[ClipPlan], fill: float) -> None:
        self.video = video
        self.fill = fill
        shares = torch.tensor([unchanged_share(plan) for plan in plans], dtype=torch.float32, device=video.device)
        self.out = video * shares[:, None, None, None]
        self.tables = torch.zeros(len(video), LEVELS, device=video.device)
        self.tabled = False

    @cached_property
    def levels(self) -> Tensor:
        """The batch in grey levels, `[B, T, H, W]`."""
        return to_levels(self.video)

    @cached_property
    def counts(self) -> Tensor:
        """Histograms of the batch, int64 `[B, 256]`."""
        return count_levels(self.levels)

    def run(self, chains: Sequence[Chain]) -> Tensor:
        """Advance all chains by one stage at a time, and return the sum."""
        active = [chain for chain in chains if chain.stages and chain.weight > 0]
        states: dict[Chain, Tensor] = {}
        for number in range(max((len(chain.stages) for chain in active), default=0)):
            active = [chain for chain in active if len(chain.stages) > number]
            after: dict[Chain, Tensor] = {}
            for kind in Kind:
                group = [chain for chain in active if chain.stages[number].kind is kind]
                if group:
                    after |= self._advance(group, number, [states[chain] for chain in group if number])
            states = after
        return self._with_tables()

    def _advance(self, group: list[Chain], number: int, states: list[Tensor]) -> dict[Chain, Tensor]:
        """One stage of chains that agree in its kind; adds what is finished and returns the state of the others."""
        steps = [chain.stages[number].steps for chain in group]
        match group[0].stages[number].kind:
            case Kind.RESAMPLE:
                height, width = self.video.shape[-2:]
                result = resample(
                    self._inputs(group, states), [sampling_matrix(run, height, width) for run in steps], self.fill
                )
            case Kind.SHARPEN:
                result = sharpen(self._inputs(group, states), [run[0].value for run in steps])
            case Kind.TABLE if number == 0:
                return self._advance_tables(group, steps)
            case Kind.TABLE:
                levels = to_levels(_stack(states))
                counts = count_levels(levels) if _need_counts(steps) else None
                result = look_up(compose_tables(steps, counts, levels.device), levels)
        return self._collect(group, number, result)

    def _inputs(self, group: list[Chain], states: list[Tensor]) -> Tensor:
        return _stack(states) if states else _rows_of(self.video, group)

    def _advance_tables(self, group: list[Chain], steps: list[tuple[Step, ...]]) -> dict[Chain, Tensor]:
        """First stages that are tables: a branch that ends there adds to its clip's table, not to its pixels."""
        counts = _rows_of(self.counts, group) if _need_counts(steps) else None
        tables = compose_tables(steps, counts, self.video.device)
        for _, rows in groupby(range(len(group)), key=lambda row: group[row].branch):
            ending = [row for row in rows if len(group[row].stages) == 1]
            if ending:
                chains, device = [group[row] for row in ending], tables.device
                weights = torch.tensor([[chain.weight] for chain in chains], dtype=torch.float32, device=device)
                ended = tables[torch.tensor(ending, device=device)]
                self.tables.index_add_(0, _clips(chains, device), ended * weights)
                self.tabled = True
        going = [row for row, chain in enumerate(group) if len(chain.stages) > 1]
        if not going:
            return {}
        onward = [group[row] for row in going]
        states = look_up(tables[torch.tensor(going, device=tables.device)], _rows_of(self.levels, onward))
        return dict(zip(onward, states, strict=True))

    def _with_tables(self) -> Tensor:
        if self.tabled:
            # clips without a table look up zeros: cheaper than copying the others together
            self.out += look_up(self.tables, self.levels)
        return self.out

    def _collect(self, group: list[Chain], number: int, result: Tensor) -> dict[Chain, Tensor]:
        after: dict[Chain, Tensor] = {}
        for chain, state in zip(group, result, strict=True):
            if len(chain.stages) > number + 1:
                after[chain] = state
            else:  # one addition per chain, in a fixed order: an indexed sum over chains would not be reproducible
                self.out[chain.clip].add_(state, alpha=chain.weight)
        return after


def _need_counts(runs: list[tuple[Step, ...]]) -> bool:
    return any(needs_counts(run) for run in runs)


def _stack(states: list[Tensor]) -> Tensor:
    return states[0][None] if len(states) == 1 else torch.stack(states)


def _rows_of(batch: Tensor, chains: Sequence[Chain]) -> Tensor:
    """The row of each chain's clip; of a single clip without copying it."""
    if len(batch) == 1:
        return batch.expand(len(chains), *batch.shape[1:])
    return batch[_clips(chains, batch.device)]


def _clips(chains: Sequence[Chain], device: torch.device) -> Tensor:
    return torch.tensor([chain.clip for chain in chains], device=device)
