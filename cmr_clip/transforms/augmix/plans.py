"""What AugMix decided for one clip, as plain values: the operations, their strengths and the weights of the mixture.

Ranges and sampling are those of pytorchvideo's AugMix, the library of the paper (Hendrycks et al., arXiv 1912.02781).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

__all__ = ["GEOMETRIC", "MAX_LEVEL", "POINTWISE", "Branch", "ClipPlan", "Operation", "Step", "is_signed", "step_at"]

MAX_LEVEL = 10.0


class Operation(Enum):
    """The library's 13 operations; one of them (saturation) leaves a grey clip as it is."""

    AUTO_CONTRAST = "auto-contrast"
    EQUALIZE = "equalize"
    ROTATE = "rotate"
    POSTERIZE = "posterize"
    SOLARIZE = "solarize"
    SHEAR_X = "shear-x"
    SHEAR_Y = "shear-y"
    TRANSLATE_X = "translate-x"
    TRANSLATE_Y = "translate-y"
    SATURATION = "saturation"
    CONTRAST = "contrast"
    BRIGHTNESS = "brightness"
    SHARPNESS = "sharpness"


GEOMETRIC = frozenset(
    {Operation.ROTATE, Operation.SHEAR_X, Operation.SHEAR_Y, Operation.TRANSLATE_X, Operation.TRANSLATE_Y}
)
POINTWISE = frozenset(
    {
        Operation.AUTO_CONTRAST,
        Operation.EQUALIZE,
        Operation.POSTERIZE,
        Operation.SOLARIZE,
        Operation.CONTRAST,
        Operation.BRIGHTNESS,
    }
)
_PER_LEVEL = {
    Operation.ROTATE: 30.0,
    Operation.SHEAR_X: 0.3,
    Operation.SHEAR_Y: 0.3,
    Operation.TRANSLATE_X: 1 / 3,
    Operation.TRANSLATE_Y: 1 / 3,
}


@dataclass(frozen=True)
class Step:
    """One operation with its argument.

    Attributes:
        operation: what is done.
        value: degrees counter-clockwise (rotate); displacement per unit of the other axis (shear); fraction of the
            image side (translate); bits kept (posterize); threshold in [0, 1] (solarize); factor of the blend with
            black, the clip's mean, grey or its smoothed self (brightness, contrast, saturation, sharpness; 1 changes
            nothing); 0 where there is no argument (auto-contrast, equalize).
    """

    operation: Operation
    value: float = 0.0


@dataclass(frozen=True)
class Branch:
    """Operations in order; their result enters the mixture with `weight`."""

    weight: float
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class ClipPlan:
    """A whole draw for one clip: `keep · clip + (1 − keep) · Σ weight · branch(clip)`.

    Attributes:
        keep: share of the unchanged clip, in [0, 1].
        branches: their weights add up to 1.
    """

    keep: float
    branches: tuple[Branch, ...]


def is_signed(operation: Operation) -> bool:
    """Whether the operation goes either way with equal probability."""
    return operation in GEOMETRIC


def step_at(operation: Operation, level: float, *, negate: bool = False) -> Step:
    """An operation at a level of strength.

    The library's four blends start at a factor of 0.1 and move towards 1 as the level rises: they are strongest at
    low levels. That is kept, because it is what "magnitude 3" meant in the paper.

    Args:
        operation: what is done.
        level: 0 to 10.
        negate: the other direction, for operations that have one.
    """
    match operation:
        case Operation.AUTO_CONTRAST | Operation.EQUALIZE:
            value = 0.0
        case Operation.POSTERIZE:
            value = 4.0 - int(level / MAX_LEVEL * 4)
        case Operation.SOLARIZE:
            value = 1 - level / MAX_LEVEL
        case Operation.SATURATION | Operation.CONTRAST | Operation.BRIGHTNESS | Operation.SHARPNESS:
            value = 0.1 + level / MAX_LEVEL * 1.8
        case _:
            value = level / MAX_LEVEL * _PER_LEVEL[operation] * (-1 if negate else 1)
    return Step(operation, value)
