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

from rich.table import Table

from preprocess.commands.console import console, progress_bar
from preprocess.errors import PreprocessError
from preprocess.labels.splits import read_splits
from preprocess.system.pool import n_cores
from preprocess.verification.copies import copies, mark_leakage, write_copies
from preprocess.verification.problem import Check, Problem, write_problems
from preprocess.verification.store_check import Options, StoreCheck, check_store


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
    """Check and say what was found."""
    stores = [args.store, *args.other]
    _refuse(args, stores)
    checks = [_check(path, number, args) for number, path in enumerate(stores, start=1)]
    out = args.out or args.store
    problems = [problem for check in checks for problem in check.problems]
    write_problems(out / "verification.csv", problems)
    is_leaking = _copies(checks, args, out) if args.duplicates else False
    _report(checks, problems, args)
    return 1 if problems or is_leaking else 0


def _refuse(args: argparse.Namespace, stores: list[Path]) -> None:
    """Say what is wrong with the arguments before hours are spent."""
    for path in stores:
        if not path.is_dir():
            raise PreprocessError(f"no study store at {path}", "make one with cmr-preprocess convert")
    if len({path.resolve() for path in stores}) < len(stores):
        raise PreprocessError("a store is named twice", "name each store once in --store and --other")
    if args.splits and not args.duplicates:
        raise PreprocessError("--splits needs the search for duplicates", "leave out --no-duplicates")
    if args.splits:
        read_splits(args.splits)
    if args.workers < 0:
        raise PreprocessError("a negative number of workers", "use --workers 0 or more")


def _check(store: Path, number: int, args: argparse.Namespace) -> StoreCheck:
    options = Options(args.workers, args.duplicates, number, args.timeout)
    with progress_bar() as bar:
        task = bar.add_task(f"verify store {number}", total=None)
        check = check_store(store, options, lambda done, total: bar.update(task, completed=done, total=total))
        bar.update(task, completed=check.n_studies, total=check.n_studies)
    if not check.is_cached:
        console().print(f"store {number} cannot be written to: its fingerprints are made anew next time")
    return check


def _copies(checks: list[StoreCheck], args: argparse.Namespace, out: Path) -> bool:
    """Find, write and count pairs; whether one of them leaks."""
    pairs = copies(checks)
    if args.splits:
        pairs = mark_leakage(pairs, args.splits)
    write_copies(out / "duplicates.csv", pairs)
    own = pairs["same_patient"] == 1
    for kind in ("exact", "near"):
        of_kind = pairs["kind"] == kind
        apart, same = int((of_kind & ~own).sum()), int((of_kind & own).sum())
        console().print(f"{kind} duplicates: {apart} pairs of two patients, {same} of one patient")
    if args.splits:
        n_leaks = int(pairs["leakage"].sum())
        console().print(f"leakage: {n_leaks} pairs lie in two splits")
    console().print(f"wrote {out / 'duplicates.csv'}", markup=False)
    return bool((pairs["leakage"] == 1).any())


def _report(checks: list[StoreCheck], problems: list[Problem], args: argparse.Namespace) -> None:
    say = console().print
    table = Table(title="Verification", show_header=False, title_justify="left")
    table.add_row("studies", str(sum(check.n_studies for check in checks)))
    table.add_row("clips", str(sum(len(check.clips) for check in checks)))
    counts = Counter(problem.check for problem in problems)
    for check in Check:
        if counts[check]:
            table.add_row(f"problems: {check}", str(counts[check]))
    table.add_row("problems", str(len(problems)))
    say(table)
    say(f"wrote {(args.out or args.store) / 'verification.csv'}", markup=False)
    for line in _next(counts, args):
        say(line, markup=False)


def _next(counts: Counter[Check], args: argparse.Namespace) -> list[str]:
    """What to do about each kind of problem."""
    lines = []
    damaged = (Check.READABLE, Check.SCHEMA, Check.STRUCTURE, Check.ATTRIBUTES, Check.PIXELS)
    if any(counts[check] for check in damaged):
        lines.append("next: remove the files of the damaged studies and convert their archives again")
    elif any(counts[check] for check in (Check.PRESENCE, Check.MANIFEST, Check.LEDGER)):
        lines.append("next: give the command that made the store again; it writes manifest and ledger anew")
    if counts[Check.FOLDER]:
        lines.append(f"next: look at what does not belong there: find {args.store} -not -name '*.h5'")
    if not counts:
        apart = f" --duplicates {(args.out or args.store) / 'duplicates.csv'}" if args.duplicates else ""
        splits = f"; next: cmr-preprocess splits --store {args.store} --out splits.csv{apart}"
        lines.append("no file is wrong" + ("" if args.splits else splits))
    return lines
