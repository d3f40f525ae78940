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
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from preprocess.commands.console import console
from preprocess.recognition.name_table import JudgedNames, judge_names
from preprocess.recognition.site_rules import SiteRules
from preprocess.store.views import View

_SHOWN = 12  # disagreements that are printed


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
    judged = judge_names(args.csv, out, rules)
    say = console().print
    _say_counts(judged)
    if rules:
        say(f"site rules that decided no name: {', '.join(map(str, judged.unused_rules)) or 'none'}")
    if judged.has_given:
        _say_agreement(judged)
    say(f"Written: {escape(str(out))}")
    site = f" --site {escape(str(args.site))}" if rules else ""
    say(f"Next: cmr-preprocess convert --input ARCHIVES --out STORE{site}")
    return 0


def _say_counts(judged: JudgedNames) -> None:
    for view in [*(view.value for view in View), ""]:
        n_series, n_names = judged.counts(view)
        console().print(f"{view or 'none'}: {n_series:.0f} series, {n_names} names")
    n_series, n_names = judged.lesser
    if n_names:
        console().print(f"among none: {n_series:.0f} series, {n_names} names, for want of better ones only")


def _say_agreement(judged: JudgedNames) -> None:
    table = Table(title="Agreement with view_given, weighted by count", title_justify="left")
    for head in ("view", "precision", "recall", "given", "found"):
        table.add_column(head, justify="left" if head == "view" else "right")
    for row in judged.agreement():
        shares = ("–" if math.isnan(share) else f"{share:.3f}" for share in (row.precision, row.recall))
        table.add_row(row.name, *shares, f"{row.given:.0f}", f"{row.found:.0f}")
    say = console().print
    say(table)
    names = judged.disagreements()
    for name in names[:_SHOWN]:
        outcome = f"given {name.given_view or 'none'}, found {name.view or 'none'}"
        say(f"line {name.line}: {name.count:.0f} series, {outcome} ({escape(name.decision.reason)})")
    if len(names) > _SHOWN:
        say(f"… and {len(names) - _SHOWN} more names")
