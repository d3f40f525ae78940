"""Import the HDF5 files of the paper's public tools into a study store, with true slice boundaries.

Every <institution>_<mrn>/<accession>.h5 under --input, in either layout, becomes OUT/<patient>/<study>.h5; series
that are none of the four views, and slices that are incomplete, are in OUT/ledger.csv with the reason. The files hold
no position, no time and no pixel size, and neither do the imported studies: where the DICOM files still exist,
convert them instead. --master TABLE also writes labels.csv and splits.csv. See docs/legacy.md.
"""

from __future__ import annotations

import argparse
import math
import os
import time
from pathlib import Path

from rich.markup import escape
from rich.progress import Progress, TaskID
from rich.table import Table

from preprocess.console import console, progress_bar
from preprocess.crosswalk import refuse_inside
from preprocess.deid import default_key_path, load_or_create_key
from preprocess.errors import PreprocessError
from preprocess.files import write_text
from preprocess.job import Job
from preprocess.legacy.importing import import_legacy
from preprocess.legacy.master import MasterTable, read_master
from preprocess.legacy.study import LegacyJob
from preprocess.legacy.views import Names, read_view_map
from preprocess.outcome import Outcome
from preprocess.recognition.site_rules import SiteRules
from preprocess.reports import ledger_summary, write_ledger
from preprocess.splits import write_splits
from preprocess.views import View

NAME = "import-legacy"
HELP = "HDF5 files of the paper's tools to a study store"
_SHOWN = 12  # reasons and files printed at the end; the ledger has all


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add = parser.add_argument
    add("--input", type=Path, required=True, action="append", metavar="FOLDER", help="folder of files; repeatable")
    add("--out", type=Path, required=True, metavar="STORE", help="the store, made if absent")
    add("--key", type=Path, metavar="FILE", help="site key (default: STORE.private/site.key, made if absent)")
    add("--crosswalk", type=Path, metavar="FILE", help="write real ids and their hashes here (mode 0600)")
    add("--views", type=Path, metavar="CSV", help="your own map: series_description, view; before the rules")
    add("--site", type=Path, metavar="YAML", help="your site's rules for names, as for convert")
    add("--bits", type=int, choices=(8, 16), default=8, help="8: window to 0-255, default; 16: keep numbers")
    add("--pixel-spacing", type=float, default=math.nan, metavar="MM", help="of all files' pixels, if it is known")
    add("--workers", type=int, default=_cores(), metavar="N", help="processes; 0: none (default: %(default)s here)")
    add("--timeout", type=float, default=600.0, metavar="S", help="give a file up after S seconds without progress")
    add("--memory", type=int, default=2048, metavar="MB", help="for a series, in each process (default: %(default)s)")
    tables = parser.add_argument_group("labels and splits")
    add = tables.add_argument
    add("--master", type=Path, metavar="CSV", help="table with parent_folder, accession, split and targets")
    add("--columns", type=_names, metavar="A,B,C", help="its targets (default: the columns of 0 and 1)")
    add("--labels", type=Path, metavar="CSV", help="label file (default: labels.csv beside the store)")
    add("--splits", type=Path, metavar="CSV", help="split file (default: splits.csv beside the store)")
    add("--overwrite", action="store_true", help="replace different label and split files")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run(args: argparse.Namespace) -> int:
    """Import and say what came of it."""
    legacy = _job(args)
    master = read_master(args.master) if args.master else None
    began = time.monotonic()
    with progress_bar() as bar:
        outcome = import_legacy(
            args.input, legacy, workers=args.workers, crosswalk=args.crosswalk, progress=_Bars(bar).update
        )
    _report(outcome, args.out, time.monotonic() - began)
    if not outcome.has_stored:
        raise PreprocessError("nothing could be stored", f"the reasons are in {args.out / 'ledger.csv'}")
    if math.isnan(args.pixel_spacing):
        console().print("Pixel size, positions and times are unknown: sizes in mm cannot be measured in this store.")
    if master:
        _tables(args, master, legacy)
    else:
        name = escape(str(args.out))
        console().print(f"Next: cmr-preprocess splits --store {name} --out splits.csv")
    return 0


def _job(args: argparse.Namespace) -> LegacyJob:
    key_path = args.key or default_key_path(args.out)
    refuse_inside(key_path, args.out, "site key")
    if args.crosswalk:
        refuse_inside(args.crosswalk, args.out, "crosswalk")
    if any(not path.exists() for path in args.input):
        raise PreprocessError("an input does not exist", "check --input")
    for name, least in (("workers", 0), ("timeout", 0), ("memory", 64)):
        if getattr(args, name) < least:
            raise PreprocessError(f"--{name} {getattr(args, name)} is too small", f"give {least} or more")
    if not (math.isnan(args.pixel_spacing) or 0.1 <= args.pixel_spacing <= 10):
        raise PreprocessError(f"--pixel-spacing {args.pixel_spacing:g} is no pixel size", "give mm, such as 1.4")
    rules = SiteRules.read(args.site) if args.site else None
    names = Names(read_view_map(args.views) if args.views else {}, rules)
    job = Job(
        args.out,
        load_or_create_key(key_path),
        bits=args.bits,
        with_crosswalk=args.crosswalk is not None,
        timeout_s=args.timeout,
        memory_mb=args.memory,
    )
    return LegacyJob(job, names, args.pixel_spacing)


class _Bars:
    """A bar for each kind of work, which appears with it."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def update(self, what: str, done: int, total: int) -> None:
        """Move the bar of this work."""
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(what)
        self._progress.update(self._tasks[what], completed=done, total=total)


def _report(outcome: Outcome, store: Path, seconds: float) -> None:
    say = console().print
    if outcome.n_skipped:
        say(f"{outcome.n_skipped} of {outcome.n_sources} files were finished before.")
    say(f"{outcome.n_sources - outcome.n_skipped} files imported in {seconds:.1f} s.")
    for source, reason in outcome.empty[:_SHOWN]:
        say(f"source {source} left out: {reason}")
    if len(outcome.empty) > _SHOWN:
        say(f"… and {len(outcome.empty) - _SHOWN} more files, see the ledger")
    table = Table(title="Import", show_header=False, title_justify="left")
    table.add_row("patients", str(outcome.n_patients))
    table.add_row("studies", str(outcome.n_studies))
    table.add_row("series stored", str(outcome.n_series))
    for view in View:
        table.add_row(f"clips {view.value}", str(outcome.clips[view.value]))
    for reason, count in outcome.reasons.most_common(_SHOWN):
        table.add_row(f"left out: {reason}", str(count))
    say(table)
    say(f"Store: {escape(str(store))} (clips.parquet, clips.csv, ledger.csv)")


def _tables(args: argparse.Namespace, master: MasterTable, legacy: LegacyJob) -> None:
    say = console().print
    columns = args.columns or list(master.binary)
    if not args.columns and master.others:
        say(f"not taken as targets: {', '.join(master.others)} (name them with --columns)", markup=False)
    if columns:
        out = args.labels or args.out.parent / "labels.csv"
        text, ledger = master.labels(columns, args.out, legacy.job.key)
        if out.is_file() and out.read_bytes() != text.encode() and not args.overwrite:
            raise PreprocessError(f"{out} exists and holds other labels", "give --overwrite or another --labels")
        write_text(out, text)
        for line in ledger_summary(ledger):
            say(line, markup=False)
        say(f"wrote {out} and {write_ledger(out, ledger, 'n_labels')}", markup=False)
    if "split" in master.rows[0]:
        out = args.splits or args.out.parent / "splits.csv"
        write_splits(out, master.splits(args.out, legacy.job.key), overwrite=args.overwrite)
        say(f"wrote {out}", markup=False)
    say("Next: cmr-clip fit --config configs/demo/pretrain.yaml", markup=False)
