"""What the commands that fill a store share: their options, progress bars and last words."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.markup import escape
from rich.progress import Progress, TaskID
from rich.table import Table

from preprocess.commands.console import console
from preprocess.conversion.job import Job
from preprocess.conversion.outcome import Outcome
from preprocess.errors import PreprocessError
from preprocess.privacy.crosswalk import refuse_inside
from preprocess.privacy.keys import default_key_path, load_or_create_key
from preprocess.store.ledger import LEDGER_FILE
from preprocess.store.views import View
from preprocess.system.pool import n_cores

__all__ = ["Bars", "add_scale_options", "add_store_options", "checked_job", "report"]

_SHOWN = 12  # reasons and sources printed at the end; the ledger has all


def add_store_options(parser: argparse.ArgumentParser, inputs: str) -> None:
    """What goes where.

    Args:
        parser: of the command.
        inputs: what `--input` takes.
    """
    add = parser.add_argument
    add("--input", type=Path, required=True, action="append", metavar="PATH", help=f"{inputs}; repeatable")
    add("--out", type=Path, required=True, metavar="STORE", help="the store, made if absent")
    add("--key", type=Path, metavar="FILE", help="site key (default: STORE.private/site.key, made if absent)")
    add("--crosswalk", type=Path, metavar="FILE", help="write real ids and their hashes here (mode 0600)")
    add("--site", type=Path, metavar="FILE", help="YAML with the site's own rules for series names, see docs/views.md")
    add("--bits", type=int, choices=(8, 16), default=8, help="8: window to 0-255, default; 16: scanner values")


def add_scale_options(parser: argparse._ArgumentGroup) -> None:
    """How many processes, how long, how much memory."""
    add = parser.add_argument
    add(
        "--workers",
        type=int,
        default=n_cores(),
        metavar="N",
        help="processes; 0: none (default: cores, %(default)s here)",
    )
    add(
        "--timeout",
        type=float,
        default=600.0,
        metavar="S",
        help="give a study up after S seconds (default: %(default)g)",
    )
    add("--memory", type=int, default=2048, metavar="MB", help="for pixels, in each process (default: %(default)s)")


def checked_job(args: argparse.Namespace) -> Job:
    """The options of both groups as a job.

    Raises:
        PreprocessError: a path or a number that cannot be.
    """
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
        with_crosswalk=args.crosswalk is not None,
        timeout_s=args.timeout,
        memory_mb=args.memory,
    )


class Bars:
    """A bar for each kind of work, which appears with it.

    Args:
        progress: where they are shown.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def update(self, what: str, done: int, total: int) -> None:
        """Move the bar of this work."""
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(what)
        self._progress.update(self._tasks[what], completed=done, total=total)


def report(outcome: Outcome, store: Path, seconds: float) -> None:
    """Say what a run came to.

    Raises:
        PreprocessError: nothing of the inputs is in the store.
    """
    say = console().print
    n_new = outcome.n_sources - outcome.n_skipped
    if outcome.n_skipped:
        say(f"{outcome.n_skipped} of {outcome.n_sources} sources were finished before.")
    if n_new:
        rate = f", {n_new / seconds * 3600:.0f} an hour" if seconds > 10 else ""
        say(f"{n_new} {'source' if n_new == 1 else 'sources'} converted in {seconds:.1f} s{rate}.")
    if not outcome.is_finished:
        say("This part has ended; the part that ends last writes the tables.")
        say("If parts are missing in the end: the same command without --shard finishes the store.")
        return
    for source, reason in outcome.empty[:_SHOWN]:
        say(f"source {source} left out: {reason}")
    if len(outcome.empty) > _SHOWN:
        say(f"… and {len(outcome.empty) - _SHOWN} more sources, see the ledger")
    say(_summary(outcome))
    say(f"Store: {escape(str(store))} (clips.parquet, clips.csv, ledger.csv)")
    if not outcome.has_stored:
        raise PreprocessError("nothing could be stored", f"the reasons are in {store / LEDGER_FILE}")


def _summary(outcome: Outcome) -> Table:
    table = Table(title="The store", show_header=False, title_justify="left")
    table.add_row("patients", str(outcome.n_patients))
    table.add_row("studies", str(outcome.n_studies))
    table.add_row("series stored", str(outcome.n_series))
    for view in View:
        table.add_row(f"clips {view.value}", str(outcome.clips[view.value]))
    for reason, count in outcome.reasons.most_common(_SHOWN):
        table.add_row(f"left out: {reason}", str(count))
    return table
