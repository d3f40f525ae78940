"""Check the view rules on a list of series descriptions.

Reads a CSV with a column series_description (and count, if present), judges each name by itself, and writes the
columns view, confidence and reason beside it. A name that conversion would use only where nothing better exists
(a repeat, a stack of long axes, free breathing) has no view here, and the reason says so.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import pandas as pd

from preprocess.console import console
from preprocess.errors import PreprocessError
from preprocess.files import write_text
from preprocess.view_rules import by_description

NAME = "views"
HELP = "judge series descriptions by the view rules"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--csv", type=Path, required=True, metavar="FILE", help="table with series_description")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="table with view, confidence, reason")


def run(args: argparse.Namespace) -> int:
    """Judge the table and count."""
    table = _read(args.csv)
    decisions = [by_description(description) for description in table["series_description"]]
    views = [decision.view.value if decision.view and decision.primary else "" for decision in decisions]
    table["view"] = views
    table["confidence"] = [decision.confidence for decision in decisions]
    table["reason"] = [decision.reason for decision in decisions]
    buffer = io.StringIO()
    table.to_csv(buffer, index=False, lineterminator="\n")
    write_text(args.out, buffer.getvalue())
    counts = table["count"] if "count" in table else pd.Series("1", table.index)
    weights = pd.to_numeric(counts, errors="coerce").fillna(0)
    for view, group in weights.groupby(table["view"].replace("", "none")):
        console().print(f"{view}: {int(group.sum())} series, {len(group)} names")
    console().print(f"Written: {args.out}")
    return 0


def _read(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except FileNotFoundError:
        raise PreprocessError(f"no such file: {path}", "check --csv") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise PreprocessError(f"{path} is not a CSV table: {error}") from error
    if "series_description" not in table:
        raise PreprocessError(f"{path} has no column series_description", "rename the column of the series' names")
    return table
