"""A table of series descriptions, judged name by name: the view of each, and how well it agrees with a given one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from preprocess.errors import PreprocessError
from preprocess.recognition.agreement import ViewAgreement, measure
from preprocess.recognition.names import Decision
from preprocess.recognition.recognise import described
from preprocess.recognition.site_rules import SiteRules
from preprocess.store.views import View
from preprocess.system.files import write_text
from preprocess.system.tables import csv_text, read_rows

__all__ = ["JudgedName", "JudgedNames", "judge_names"]

_DESCRIPTION, _COUNT, _VIEW = "series_description", "count", "view"
_ADDED = (_VIEW, "confidence", "reason")
_VIEWS = frozenset(view.value for view in View)


@dataclass(frozen=True)
class JudgedName:
    """A row of the table.

    Attributes:
        line: number of its line in the file, for a table without line breaks in fields.
        description: the name; it belongs on no log.
        count: number of series that bear it.
        decision: what the rules say.
        given: the view it came with, as written.
    """

    line: int
    description: str
    count: float
    decision: Decision
    given: str

    @property
    def view(self) -> str:
        """The view that was found; empty where there is none that suffices by itself."""
        return self.decision.view.value if self.decision.view and self.decision.primary else ""

    @property
    def given_view(self) -> str:
        """The view it came with; empty where that is none of the four."""
        return self.given if self.given in _VIEWS else ""


@dataclass(frozen=True)
class JudgedNames:
    """All rows of the table.

    Attributes:
        names: in the order of the table.
        has_given: whether the table came with views.
        unused_rules: numbers of the site's rules that decided no name.
    """

    names: tuple[JudgedName, ...]
    has_given: bool
    unused_rules: tuple[int, ...]

    def counts(self, view: str) -> tuple[float, int]:
        """Number of series and of names that were found to be of a view, or of none for an empty one."""
        counts = [name.count for name in self.names if name.view == view]
        return sum(counts), len(counts)

    @property
    def lesser(self) -> tuple[float, int]:
        """Number of series and of names that conversion would use for want of better ones only."""
        counts = [name.count for name in self.names if name.decision.view and not name.decision.primary]
        return sum(counts), len(counts)

    def agreement(self) -> list[ViewAgreement]:
        """How well the views that were found agree with the given ones."""
        names = self.names
        return measure([name.given for name in names], [name.view for name in names], [name.count for name in names])

    def disagreements(self) -> list[JudgedName]:
        """Names with another view than the given one, the most frequent first."""
        wrong = [name for name in self.names if name.given_view != name.view]
        return sorted(wrong, key=lambda name: -name.count)


def judge_names(table: Path, out: Path, rules: SiteRules | None = None) -> JudgedNames:
    """Judge each name of a table by itself, and write the table with view, confidence and reason.

    Args:
        table: CSV file with `series_description` and, if present, `count` and `view`. Columns of the names that are
            written are kept as `view_given`, `confidence_given` and `reason_given`.
        out: CSV file to write.
        rules: the site's own, which come first.

    Raises:
        PreprocessError: no such table, a count that is no number of series, or a name of a column that is taken.
    """
    if table.resolve() == out.resolve():
        raise PreprocessError("--out would replace --csv", "write to another file")
    rows = _read(table)
    names: list[JudgedName] = []
    for index, row in enumerate(rows):
        try:
            count = float(row.get(_COUNT, "1"))
        except ValueError:
            count = math.nan
        if not 0 <= count < math.inf:
            problem = f"{table}, row {index + 1}: count is not a number of series"
            raise PreprocessError(problem, "correct it, or drop the column")
        description, given = row[_DESCRIPTION], row.get(_VIEW, "").strip()
        names.append(JudgedName(index + 2, description, count, described(description, rules), given))
    head = [f"{name}_given" if name in _ADDED else name for name in rows[0]]
    judged = (
        [*row.values(), name.view, name.decision.confidence, name.decision.reason]
        for row, name in zip(rows, names, strict=True)
    )
    write_text(out, csv_text([*head, *_ADDED], judged))
    unused: set[int] = set()
    if rules:
        unused = set(range(1, len(rules.rules) + 1)) - {rules.number(name.description) for name in names}
    return JudgedNames(tuple(names), _VIEW in rows[0], tuple(sorted(unused)))


def _read(path: Path) -> list[dict[str, str]]:
    rows = read_rows(path, [_DESCRIPTION])
    if not rows:
        raise PreprocessError(f"{path} has no rows", "check --csv")
    doubled = [name for name in _ADDED if name in rows[0] and f"{name}_given" in rows[0]]
    if doubled:
        problem = f"{path} has both {doubled[0]} and {doubled[0]}_given"
        raise PreprocessError(problem, "drop one (was it written by cmr-preprocess views?)")
    return rows
