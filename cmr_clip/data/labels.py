"""Labels of studies, from the cells of the label file to the numbers that a target learns from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import pandas as pd
import torch
from torch import Tensor

from cmr_clip.errors import CmrClipError
from preprocess.labels.table import read_cells

__all__ = ["LabelTarget", "StudyLabels", "numbers_of", "truth_of"]


class LabelTarget(Protocol):
    """What turns label cells into truth; heads do."""

    target: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The label columns that its truth is made of."""

    @property
    def takes(self) -> str:
        """What its label cells hold, in words."""

    def truth(self, *cells: str) -> float | Sequence[float] | None:
        """The truth of a study from its cells as written, none of them empty; None where it does not take them."""


class StudyLabels:
    """Truth by target and study.

    Args:
        studies: N keys.
        truth: per target `[N]`, or `[N, T]` where a truth is T numbers; NaN where missing.
    """

    def __init__(self, studies: Sequence[str], truth: Mapping[str, Tensor]) -> None:
        self._row = {study: row for row, study in enumerate(studies)}
        self._truth = {
            target: torch.cat([values, values.new_full((1, *values.shape[1:]), torch.nan)])  # the last is for strangers
            for target, values in truth.items()
        }

    def of_study(self, study: str) -> dict[str, Tensor]:
        """Truth by target, a scalar or `[T]`; NaN where missing."""
        row = self._row.get(study, -1)
        return {target: values[row] for target, values in self._truth.items()}

    def of_target(self, target: str, studies: Sequence[str]) -> Tensor:
        """Truth of B studies, `[B]` or `[B, T]`; NaN where missing."""
        return self._truth[target][[self._row.get(study, -1) for study in studies]]


def numbers_of(table: pd.DataFrame) -> StudyLabels:
    """A table of numbers, a row per study (index) and a column per target, as it is."""
    return StudyLabels(
        [str(study) for study in table.index],
        {str(name): torch.tensor(table[name].tolist(), dtype=torch.float32) for name in table.columns},
    )


def truth_of(path: Path, targets: Sequence[LabelTarget]) -> StudyLabels:
    """Read a label file as targets take it; a study with an empty cell in a target's columns has no truth there.

    Raises:
        CmrClipError: a column is missing, or holds cells that its target does not take; names no study.
        PreprocessError: the file is no label file.
    """
    table = read_cells(path)
    truth: dict[str, Tensor] = {}
    for target in targets:
        missing = [name for name in target.columns if name not in table.columns]
        if missing:
            raise CmrClipError(f"no column {missing[0]!r} in {path}", f"it has {', '.join(sorted(table.columns))}")
        cells = table[list(target.columns)]
        full = [row for row, known in enumerate(cells.notna().all(axis=1)) if known]
        rows = list(cells.itertuples(index=False, name=None))
        taken = [target.truth(*rows[row]) for row in full]
        refused = [row for row, value in zip(full, taken, strict=True) if value is None]
        if refused:
            raise CmrClipError(
                f"{path}: column {', '.join(target.columns)} holds {len(refused)} of {len(full)} labels that target "
                f"{target.target!r} does not take, the first in row {refused[0] + 1}",
                f"it takes {target.takes}; correct the others or leave them empty",
            )
        values = torch.tensor(taken, dtype=torch.float32)
        if not bool(values.isfinite().all()):
            raise CmrClipError(
                f"{path}: the truth that target {target.target!r} makes of its labels is not finite",
                "correct its labels, or the head's method truth",
            )
        truth[target.target] = torch.full((len(cells), *values.shape[1:]), torch.nan)
        truth[target.target][full] = values
    return StudyLabels([str(study) for study in table.index], truth)
