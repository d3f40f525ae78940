"""Check a study store: every file against manifest, ledger and hashes, and studies that are there twice.

Reads every pixel. Writes verification.csv (a row per problem) and duplicates.csv (pairs of studies that hold the same
scan, also under other patients and after another export) to --out. The exit code is 0 where all is well, and 1 where
a file is wrong or, with --splits, where the same scan lies in two splits. --other STORE looks for the same scans in
further stores too, and checks them likewise. Pairs of two patients within one split are listed and are no failure.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from rich.progress import TaskID
from rich.table import Table

from preprocess.commands.console import console, progress_bar
from preprocess.system.pool import n_cores
from preprocess.verification.copies import KIND, SAME_PATIENT
from preprocess.verification.problem import Check
from preprocess.verification.verify import Verification, verify_stores


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add = parser.add_argument
    add("--store", type=Path, required=True, help="study store that convert made")
    add("--other", type=Path, nargs="+", default=[], metavar="STORE", help="stores to compare with, checked likewise")
    add("--out", type=Path, metavar="DIR", help="folder of the two tables (default: the store)")
    add("--splits", type=Path, metavar="CSV", help="split file: the same scan in two splits is leakage")
    add("--duplicates", action=argparse.BooleanOptionalAction, default=True, help="look for studies that are twice")
    add(
        "--workers", type=int, default=n_cores(), metavar="N", help="processes; 0: none but this (default: %(default)s)"
    )
    add("--timeout", type=float, default=300.0, metavar="S", help="seconds for a file without progress (default: 300)")


def run(args: argparse.Namespace) -> int:
    """Verify and say what was found."""
    with progress_bar() as bar:
        tasks: dict[int, TaskID] = {}

        def show(number: int, done: int, total: int) -> None:
            if number not in tasks:
                tasks[number] = bar.add_task(f"verify store {number}", total=total)
            bar.update(tasks[number], completed=done)

        found = verify_stores(
            [args.store, *args.other],
            out=args.out,
            splits=args.splits,
            with_duplicates=args.duplicates,
            workers=args.workers,
            timeout_s=args.timeout,
            progress=show,
        )
    say = console().print
    for number, check in enumerate(found.checks, start=1):
        if not check.is_cached:
            say(f"store {number} cannot be written to: its fingerprints are made anew next time")
    counts = Counter(problem.check for problem in found.problems)
    _say_counts(found, counts, with_splits=args.splits is not None)
    say(f"wrote {found.problems_table}", markup=False)
    for line in _next(counts, args):
        say(line, markup=False)
    return 1 if found.problems or found.n_leaks else 0


def _say_counts(found: Verification, counts: Counter[Check], *, with_splits: bool) -> None:
    """Pairs of studies that hold the same scan, where they were looked for, and a table of the problems."""
    say, pairs = console().print, found.pairs
    if pairs is not None:
        own = pairs[SAME_PATIENT] == 1
        for kind in ("exact", "near"):
            of_kind = pairs[KIND] == kind
            apart, same = int((of_kind & ~own).sum()), int((of_kind & own).sum())
            say(f"{kind} duplicates: {apart} pairs of two patients, {same} of one patient")
        if with_splits:
            say(f"leakage: {found.n_leaks} pairs lie in two splits")
        say(f"wrote {found.pairs_table}", markup=False)
    table = Table(title="Verification", show_header=False, title_justify="left")
    table.add_row("studies", str(sum(check.n_studies for check in found.checks)))
    table.add_row("clips", str(sum(len(check.clips) for check in found.checks)))
    for check in Check:
        if counts[check]:
            table.add_row(f"problems: {check}", str(counts[check]))
    table.add_row("problems", str(counts.total()))
    say(table)


def _next(counts: Counter[Check], args: argparse.Namespace) -> list[str]:
    """What to do about each kind of problem."""
    if not counts:
        apart = f" --duplicates {(args.out or args.store) / 'duplicates.csv'}" if args.duplicates else ""
        splits = f"; next: cmr-preprocess splits --store {args.store} --out splits.csv{apart}"
        return ["no file is wrong" + ("" if args.splits else splits)]
    lines = []
    damaged = {Check.READABLE, Check.SCHEMA, Check.STRUCTURE, Check.ATTRIBUTES, Check.PIXELS}
    if damaged & set(counts):
        lines.append("next: remove the files of the damaged studies and convert their archives again")
    elif {Check.PRESENCE, Check.MANIFEST, Check.LEDGER} & set(counts):
        lines.append(
            "next: remove clips.parquet and give the command that made the store again; it writes manifest and "
            "ledger anew"
        )
    if Check.UNCHECKED in counts:
        lines.append(
            "next: some files were not checked, which says nothing about them; mend this machine, verify again"
        )
    if Check.FOLDER in counts:
        lines.append(f"next: look at what does not belong there: find {args.store} -not -name '*.h5'")
    return lines
