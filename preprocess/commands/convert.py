"""Convert DICOM archives and folders into a de-identified study store.

Each archive (.tgz, .tar.gz, .tar, .zip) or folder of files under --input is read in memory. The cines of the
four standard views go to OUT/<patient>/<study>.h5, every other series goes to OUT/ledger.csv with the reason.
Patients and studies are named by keyed hashes; the key lies beside the store (OUT.private/site.key) unless --key
names another. An interrupted run goes on where it stopped when the same command is given again.
"""

from __future__ import annotations

import argparse
import os
import re
from collections import Counter
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from preprocess.console import console, progress_bar
from preprocess.crosswalk import refuse_inside
from preprocess.deid import default_key_path, load_or_create_key
from preprocess.errors import PreprocessError
from preprocess.ledger import LEFT_OUT, STORED
from preprocess.pipeline import Job
from preprocess.runner import Outcome, convert
from preprocess.views import View

NAME = "convert"
HELP = "DICOM archives and folders to a study store"
_SHOWN = 12  # reasons and sources printed at the end; the ledger has all


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add = parser.add_argument
    add("--input", type=Path, required=True, action="append", metavar="PATH", help="folder or archive; repeatable")
    add("--out", type=Path, required=True, metavar="STORE", help="the store, made if absent")
    add("--key", type=Path, metavar="FILE", help="site key (default: STORE.private/site.key, made if absent)")
    add("--crosswalk", type=Path, metavar="FILE", help="write real ids and their hashes here (mode 0600)")
    add("--bits", type=int, choices=(8, 16), default=8, help="8: window to 0-255, default; 16: scanner values")
    add("--workers", type=int, default=_cores(), metavar="N", help="processes (default: cores, %(default)s here)")


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run(args: argparse.Namespace) -> int:
    """Convert and say what came of it."""
    key_path = args.key or default_key_path(args.out)
    refuse_inside(key_path, args.out, "site key")
    if args.crosswalk:
        refuse_inside(args.crosswalk, args.out, "crosswalk")
    if any(not path.exists() for path in args.input):
        raise PreprocessError("an input does not exist", "check --input")
    job = Job(args.out, load_or_create_key(key_path), args.bits, with_crosswalk=args.crosswalk is not None)
    with progress_bar() as bar:
        task = bar.add_task("convert", total=None)
        outcome = convert(
            args.input,
            job,
            workers=max(1, args.workers),
            crosswalk=args.crosswalk,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
        if bar.tasks[0].total is None:
            bar.update(task, visible=False)
    _report(outcome, args.out)
    if not outcome.has_stored:
        raise PreprocessError("nothing could be stored", f"the reasons are in {args.out / 'ledger.csv'}")
    return 0


def _report(outcome: Outcome, store: Path) -> None:
    say = console().print
    if outcome.n_skipped:
        say(f"{outcome.n_skipped} of {outcome.n_sources} sources were finished before.")
    empty = [record for record in outcome.records if not any(row.outcome == STORED for row in record.rows)]
    for record in empty[:_SHOWN]:
        reason = record.rows[0].reason if record.rows else "no files"
        say(f"source {record.source} left out: {reason}")
    if len(empty) > _SHOWN:
        say(f"… and {len(empty) - _SHOWN} more sources, see the ledger")
    say(_summary(outcome))
    name = escape(str(store))
    say(f"Store: {name} (clips.parquet, clips.csv, ledger.csv)")
    if outcome.has_stored:
        say(f"Next: cmr-preprocess reports --reports reports.csv --store {name} --out sentences.json")


def _summary(outcome: Outcome) -> Table:
    table = Table(title="Conversion", show_header=False, title_justify="left")
    clips = outcome.clips
    stored = sum(row.outcome == STORED for row in outcome.rows)
    table.add_row("patients", str(clips["patient"].nunique()))
    table.add_row("studies", str(clips["study"].nunique()))
    table.add_row("series stored", str(stored))
    for view in View:
        table.add_row(f"clips {view.value}", str(int((clips["view"] == view.value).sum())))
    reasons = Counter(re.sub(r"\d+", "N", row.reason) for row in outcome.rows if row.outcome == LEFT_OUT)
    for reason, count in reasons.most_common(_SHOWN):
        table.add_row(f"left out: {reason}", str(count))
    return table
