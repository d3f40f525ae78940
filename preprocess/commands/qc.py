"""Check a store: one HTML page of counts, distributions, pictures and outliers, and a table of measures per clip.

The page needs no network and runs no script. Counts cover the whole store; pixels are measured in all studies of a
store of up to 2,000, else in as many at random (--sample). The measures lie beside the page (qc.html: qc.csv). What
was measured is not measured again: an interrupted run goes on, and a page made anew takes seconds.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import pandas as pd
from rich.markup import escape

from preprocess.commands.console import console, progress_bar
from preprocess.errors import PreprocessError
from preprocess.qc.collect import collect, write_measures
from preprocess.qc.page import render
from preprocess.qc.report import Report
from preprocess.qc.rules import find_outliers, flagged
from preprocess.qc.thumbnails import odd_clips, random_clips
from preprocess.qc.totals import ledger_totals, store_totals
from preprocess.store.study_file import studies_in
from preprocess.system.files import write_text
from preprocess.system.pool import n_cores

_DEFAULT_SAMPLE = 2000


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add = parser.add_argument
    add("--store", type=Path, required=True, metavar="STORE", help="the store")
    add("--out", type=Path, default=Path("qc.html"), metavar="FILE", help="the page (default: %(default)s)")
    add("--sample", type=int, default=_DEFAULT_SAMPLE, metavar="N", help="studies to measure (default: %(default)s)")
    add("--seed", type=int, default=0, help="of the random sample (default: %(default)s)")
    add("--workers", type=int, default=n_cores(), metavar="N", help="processes; 0: none (default: %(default)s here)")


def run(args: argparse.Namespace) -> int:
    """Measure, find outliers, and write page and table."""
    table = _table_path(args.out)
    keys = list(studies_in(args.store))
    if not keys:
        raise PreprocessError(f"{args.store} holds no study", "fill it with cmr-preprocess convert")
    if args.sample < 1 or args.workers < 0 or args.seed < 0:
        raise PreprocessError("--sample must be 1 or more, --workers and --seed 0 or more", "mend the option")
    totals, ledger = store_totals(args.store), ledger_totals(args.store)
    chosen = keys if args.sample >= len(keys) else sorted(random.Random(args.seed).sample(keys, args.sample))
    measures = _measure(args, chosen, table)
    outliers = find_outliers(measures)
    write_measures(table, measures.assign(flags=flagged(measures, outliers)))
    pictures = random_clips(args.store, measures, args.seed), odd_clips(args.store, outliers)
    report = Report(totals, ledger, len(keys), measures, outliers, args.seed, *pictures, table.name)
    write_text(args.out, render(report))
    _say(args.out, table, report)
    return 0


def _table_path(page: Path) -> Path:
    if page.suffix.lower() not in (".html", ".htm") or page.is_dir():
        raise PreprocessError(f"{page} is no name for a page", "give --out a name that ends in .html")
    return page.with_suffix(".csv")


def _measure(args: argparse.Namespace, keys: list[tuple[str, str]], table: Path) -> pd.DataFrame:
    with progress_bar() as bar:
        task = bar.add_task("measure", total=len(keys))
        return collect(
            args.store, keys, table, workers=args.workers, progress=lambda done, _: bar.update(task, completed=done)
        )


def _say(page: Path, table: Path, report: Report) -> None:
    say = console().print
    say(f"{report.n_measured:,} of {report.n_files:,} studies measured, {len(report.unreadable):,} cannot be read.")
    found = report.outliers
    say(f"{found['study'].nunique():,} studies are out of the ordinary:" if len(found) else "No outliers.")
    for reason, count in found.groupby("reason")["study"].nunique().sort_values(ascending=False).items():
        say(f"  {reason}: {count:,}")
    say(f"Written: {escape(str(page))}, {escape(str(table))}")
    if len(found):
        say(f"Next: cmr-preprocess inspect {found['study'].iloc[0]} --store STORE")
