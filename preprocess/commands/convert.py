"""Convert DICOM archives and folders into a de-identified study store.

Each archive (.tgz, .tar.gz, .tar, .zip), folder of files or single file under --input is read in memory. The cines of
the four standard views go to OUT/<patient>/<study>.h5, every other series goes to OUT/ledger.csv with the reason.
Patients and studies are named by keyed hashes; the key lies beside the store (OUT.private/site.key) unless --key
names another. An interrupted run goes on where it stopped when the same command is given again. Files named as UK
Biobank, Kaggle's Data Science Bowl and ACDC name theirs are identified by these names.

On a cluster give every task of an array its part with --shard i/n; see slurm/convert.sbatch.
"""

from __future__ import annotations

import argparse
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
from preprocess.job import Job
from preprocess.recognition.site_rules import SiteRules
from preprocess.runner import Outcome, convert
from preprocess.sources import Shard
from preprocess.views import View

NAME = "convert"
HELP = "DICOM archives and folders to a study store"
_SHOWN = 12  # reasons and sources printed at the end; the ledger has all


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add = parser.add_argument
    add(
        "--input", type=Path, required=True, action="append", metavar="PATH", help="folder, archive or file; repeatable"
    )
    add("--out", type=Path, required=True, metavar="STORE", help="the store, made if absent")
    add("--key", type=Path, metavar="FILE", help="site key (default: STORE.private/site.key, made if absent)")
    add("--crosswalk", type=Path, metavar="FILE", help="write real ids and their hashes here (mode 0600)")
    add("--ids-from-headers", action="store_true", help="never identify files by their names")
    add("--keep-age-sex", action=argparse.BooleanOptionalAction, default=True, help="store sex and age (default: yes)")
    add("--site", type=Path, metavar="FILE", help="YAML with the site's own rules for series names, see docs/views.md")
    scale = parser.add_argument_group("scale")
    add = scale.add_argument
    add(
        "--workers",
        type=int,
        default=_cores(),
        metavar="N",
        help="processes; 0: none (default: cores, %(default)s here)",
    )
    add("--shard", metavar="i/n", help="only part i of n, such as 3/64; the part that ends last writes the tables")
    add(
        "--timeout",
        type=float,
        default=600.0,
        metavar="S",
        help="give a study up after S seconds (default: %(default)g)",
    )
    add("--memory", type=int, default=2048, metavar="MB", help="for pixels, in each process (default: %(default)s)")
    pixels = parser.add_argument_group("pixels")
    add = pixels.add_argument
    add("--bits", type=int, choices=(8, 16), default=8, help="8: window to 0-255, default; 16: scanner values")
    add("--spacing", type=float, metavar="MM", help="resample in the plane to this pixel spacing (default: as scanned)")
    add("--crop", type=int, metavar="PIXELS", help="then cut or pad to a central square (default: whole images)")


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run(args: argparse.Namespace) -> int:
    """Convert and say what came of it."""
    job = _job(args)
    shard = Shard.parse(args.shard) if args.shard else None
    began = time.monotonic()
    with progress_bar() as bar:
        outcome = convert(
            args.input,
            job,
            workers=args.workers,
            shard=shard,
            crosswalk=args.crosswalk,
            progress=_Bars(bar).update,
        )
    _report(outcome, args.out, time.monotonic() - began)
    if not outcome.has_stored:
        raise PreprocessError("nothing could be stored", f"the reasons are in {args.out / 'ledger.csv'}")
    return 0


def _job(args: argparse.Namespace) -> Job:
    key_path = args.key or default_key_path(args.out)
    refuse_inside(key_path, args.out, "site key")
    if args.crosswalk:
        refuse_inside(args.crosswalk, args.out, "crosswalk")
    if any(not path.exists() for path in args.input):
        raise PreprocessError("an input does not exist", "check --input")
    for name, least in (("workers", 0), ("timeout", 0), ("memory", 64)):
        if getattr(args, name) < least:
            raise PreprocessError(f"--{name} {getattr(args, name)} is too small", f"give {least} or more")
    return Job(
        args.out,
        load_or_create_key(key_path),
        args.bits,
        spacing_mm=args.spacing,
        crop=args.crop,
        keep_age_sex=args.keep_age_sex,
        site=SiteRules.read(args.site) if args.site else None,
        with_crosswalk=args.crosswalk is not None,
        timeout_s=args.timeout,
        ids_from_headers=args.ids_from_headers,
        memory_mb=args.memory,
    )


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
    n_new = outcome.n_sources - outcome.n_skipped
    if outcome.n_skipped:
        say(f"{outcome.n_skipped} of {outcome.n_sources} sources were finished before.")
    if n_new:
        rate = f", {n_new / seconds * 3600:.0f} an hour" if seconds > 10 else ""
        say(f"{n_new} {'source' if n_new == 1 else 'sources'} converted in {seconds:.1f} s{rate}.")
    name = escape(str(store))
    if not outcome.is_finished:
        say("This part has ended; the part that ends last writes the tables.")
        say("If parts are missing in the end: the same command without --shard finishes the store.")
        return
    for source, reason in outcome.empty[:_SHOWN]:
        say(f"source {source} left out: {reason}")
    if len(outcome.empty) > _SHOWN:
        say(f"… and {len(outcome.empty) - _SHOWN} more sources, see the ledger")
    say(_summary(outcome))
    say(f"Store: {name} (clips.parquet, clips.csv, ledger.csv)")
    if outcome.has_stored:
        say(f"Next: cmr-preprocess reports --reports reports.csv --store {name} --out sentences.json")
        say(f"Check: cmr-preprocess verify --store {name}; look: cmr-preprocess qc --store {name} --out qc.html")


def _summary(outcome: Outcome) -> Table:
    table = Table(title="Conversion", show_header=False, title_justify="left")
    table.add_row("patients", str(outcome.n_patients))
    table.add_row("studies", str(outcome.n_studies))
    table.add_row("series stored", str(outcome.n_series))
    for view in View:
        table.add_row(f"clips {view.value}", str(outcome.clips[view.value]))
    for reason, count in outcome.reasons.most_common(_SHOWN):
        table.add_row(f"left out: {reason}", str(count))
    return table
