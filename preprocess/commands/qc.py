"""Check a store: one HTML page of counts, distributions, pictures and outliers, and a table of measures per clip.

The page needs no network and runs no script. Counts cover the whole store; pixels are measured in all studies of a
store of up to 2,000, else in as many at random (--sample). The measures lie beside the page (qc.html: qc.csv). What
was measured is not measured again: an interrupted run goes on, and a page made anew takes seconds.
"""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from rich.markup import escape

from preprocess.commands.console import console, progress_bar
from preprocess.qc.quality import check_quality
from preprocess.qc.rules import REASON
from preprocess.store.manifest import ClipColumn
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
    """Write page and table, and say what is out of the ordinary."""
    with progress_bar() as bar:
        task = bar.add_task("measure", total=None)
        found = check_quality(
            args.store,
            args.out,
            sample=args.sample,
            seed=args.seed,
            workers=args.workers,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    say, report, outliers = console().print, found.report, found.report.outliers
    say(f"{report.n_measured:,} of {report.n_files:,} studies measured, {len(report.unreadable):,} cannot be read.")
    say(
        f"{outliers[ClipColumn.STUDY].nunique():,} studies are out of the ordinary:"
        if len(outliers)
        else "No outliers."
    )
    for reason, count in outliers.groupby(REASON)[ClipColumn.STUDY].nunique().sort_values(ascending=False).items():
        say(f"  {reason}: {count:,}")
    say(f"Written: {escape(str(found.page))}, {escape(str(found.table))}")
    if len(outliers):
        say(f"Next: cmr-preprocess inspect {outliers[ClipColumn.STUDY].iloc[0]} --store {shlex.quote(str(args.store))}")
    return 0
