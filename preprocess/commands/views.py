"""Check the view rules on a list of series descriptions.

Reads a CSV with a column series_description (and count, if present), judges each name by itself, and writes the
columns view, confidence and reason beside it. A name that conversion would use only where nothing better exists
(a repeat, a stack of long axes, free breathing) has no view here, and the reason says so.

Columns of these names that the table has already are kept as view_given, confidence_given and reason_given, and the
agreement with view_given is told. Disagreements are named by line, since descriptions belong on no log.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from preprocess.commands.console import console
from preprocess.errors import PreprocessError
from preprocess.recognition.agreement import measure
from preprocess.recognition.names import Decision
from preprocess.recognition.recognise import described
from preprocess.recognition.site_rules import SiteRules
from preprocess.store.views import View
from preprocess.system.files import write_text
from preprocess.system.tables import csv_text, read_rows

_ADDED = ("view", "confidence", "reason")
_SHOWN = 12  # disagreements that are printed


@dataclass(frozen=True)
class _Name:
    """A row of the table: the name, how many series bear it, what was decided, and the view it came with."""

    line: int
    description: str
    count: float
    decision: Decision
    given: str

    @property
    def view(self) -> str:
        return self.decision.view.value if self.decision.view and self.decision.primary else ""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--csv", type=Path, required=True, metavar="FILE", help="table with series_description")
    written = "table with view, confidence, reason (default: NAME.views.csv beside --csv NAME.csv)"
    parser.add_argument("--out", type=Path, metavar="FILE", help=written)
    parser.add_argument("--site", type=Path, metavar="FILE", help="the site's own rules (YAML), which come first")


def run(args: argparse.Namespace) -> int:
    """Judge the table, count, and compare with the views it came with."""
    rules = SiteRules.read(args.site) if args.site else None
    out = args.out or args.csv.with_suffix(".views.csv")
    if args.csv.resolve() == out.resolve():
        raise PreprocessError("--out would replace --csv", "write to another file")
    rows = _read(args.csv)
    names = [_name(index, row, rules, args.csv) for index, row in enumerate(rows)]
    head = [f"{name}_given" if name in _ADDED else name for name in rows[0]]
    judged = [
        [*row.values(), name.view, name.decision.confidence, name.decision.reason]
        for row, name in zip(rows, names, strict=True)
    ]
    write_text(out, csv_text([*head, *_ADDED], judged))
    _say_counts(names)
    if rules:
        _say_unused(rules, names)
    if "view" in rows[0]:
        _say_agreement(names)
    say = console().print
    say(f"Written: {escape(str(out))}")
    site = f" --site {escape(str(args.site))}" if rules else ""
    say(f"Next: cmr-preprocess convert --input ARCHIVES --out STORE{site}")
    return 0


def _read(path: Path) -> list[dict[str, str]]:
    rows = read_rows(path, ["series_description"])
    if not rows:
        raise PreprocessError(f"{path} has no rows", "check --csv")
    doubled = [name for name in _ADDED if name in rows[0] and f"{name}_given" in rows[0]]
    if doubled:
        problem = f"{path} has both {doubled[0]} and {doubled[0]}_given"
        raise PreprocessError(problem, "drop one (was it written by cmr-preprocess views?)")
    return rows


def _name(index: int, row: dict[str, str], rules: SiteRules | None, path: Path) -> _Name:
    try:
        count = float(row.get("count", "1"))
    except ValueError:
        count = math.nan
    if not 0 <= count < math.inf:
        problem = f"{path}, row {index + 1}: count is not a number of series"
        raise PreprocessError(problem, "correct it, or drop the column")
    description = row["series_description"]
    return _Name(index + 2, description, count, described(description, rules), row.get("view", "").strip())


def _say_counts(names: Sequence[_Name]) -> None:
    for view in [*(view.value for view in View), ""]:
        counts = [name.count for name in names if name.view == view]
        console().print(f"{view or 'none'}: {sum(counts):.0f} series, {len(counts)} names")
    lesser = [name.count for name in names if name.decision.view and not name.decision.primary]
    if lesser:
        console().print(f"among none: {sum(lesser):.0f} series, {len(lesser)} names, for want of better ones only")


def _say_unused(rules: SiteRules, names: Sequence[_Name]) -> None:
    used = {rules.number(name.description) for name in names}
    unused = [str(number) for number in range(1, len(rules.rules) + 1) if number not in used]
    console().print(f"site rules that decided no name: {', '.join(unused) or 'none'}")


def _say_agreement(names: Sequence[_Name]) -> None:
    shown = Table(title="Agreement with view_given, weighted by count", title_justify="left")
    for head in ("view", "precision", "recall", "given", "found"):
        shown.add_column(head, justify="left" if head == "view" else "right")
    for row in measure([name.given for name in names], [name.view for name in names], [one.count for one in names]):
        shown.add_row(row.name, _share(row.precision), _share(row.recall), f"{row.given:.0f}", f"{row.found:.0f}")
    console().print(shown)
    views = {view.value for view in View}
    wrong = [name for name in names if (name.given if name.given in views else "") != name.view]
    wrong.sort(key=lambda name: -name.count)
    for name in wrong[:_SHOWN]:
        given = name.given if name.given in views else "none"
        outcome = f"given {given}, found {name.view or 'none'}"
        console().print(f"line {name.line}: {name.count:.0f} series, {outcome} ({escape(name.decision.reason)})")
    if len(wrong) > _SHOWN:
        console().print(f"… and {len(wrong) - _SHOWN} more names")


def _share(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"
