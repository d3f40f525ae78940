"""How well found views agree with given ones, weighted by how many series bear a name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from preprocess.store.views import View

__all__ = ["ViewAgreement", "measure"]


@dataclass(frozen=True)
class ViewAgreement:
    """Agreement for one view, or for all four.

    Attributes:
        name: the view's name or "all".
        precision: share of the found series that are given the same view; NaN where none was found.
        recall: share of the given series that were found; NaN where none was given.
        given: number of series of the view as given.
        found: number of series of the view as found.
    """

    name: str
    precision: float
    recall: float
    given: float
    found: float


def measure(given: Sequence[str], found: Sequence[str], counts: Sequence[float]) -> list[ViewAgreement]:
    """Agreement for each view, and for all; everything that is not one of the four counts as no view.

    Args:
        given: the table's views.
        found: the rules' views.
        counts: number of series of each row.
    """
    views = [view.value for view in View]
    rows = list(zip(given, found, counts, strict=True))
    return [*(_row(name, {name}, rows) for name in views), _row("all", set(views), rows)]


def _row(name: str, views: set[str], rows: Sequence[tuple[str, str, float]]) -> ViewAgreement:
    wanted = sum(count for given, _, count in rows if given in views)
    seen = sum(count for _, found, count in rows if found in views)
    right = sum(count for given, found, count in rows if given == found and found in views)
    return ViewAgreement(name, _share(right, seen), _share(right, wanted), wanted, seen)


def _share(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
