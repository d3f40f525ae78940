"""Label cells that name classes."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from preprocess.labels.table import number_in

__all__ = ["class_index"]


def class_index(cell: str, classes: Sequence[str]) -> int | None:
    """Which class a label cell names, for heads whose label column holds class names.

    Args:
        cell: as written; the name itself, or the same number written otherwise (`2.0` for the class `2`).
        classes: names, in order.

    Returns:
        From 0; None where no class goes by that name, or where several are that number.
    """
    if cell in classes:
        return classes.index(cell)
    if number_in(cell) is None:
        return None
    same = [
        index for index, name in enumerate(classes) if number_in(name) is not None and Decimal(name) == Decimal(cell)
    ]
    return same[0] if len(same) == 1 else None
