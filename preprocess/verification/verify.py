"""Stores verified: every file, the tables, scans that are there twice; written as tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pandas as pd

from preprocess.errors import PreprocessError
from preprocess.labels.splits import read_splits
from preprocess.verification.copies import LEAKAGE, copies, mark_leakage, write_copies
from preprocess.verification.problem import Problem, write_problems
from preprocess.verification.store_check import Options, StoreCheck, check_store

__all__ = ["Verification", "verify_stores"]

Progress = Callable[[int, int, int], None]  # number of the store from 1, files looked at, files in all


@dataclass(frozen=True)
class Verification:
    """What verifying came to.

    Attributes:
        checks: of each store, in order.
        pairs: studies that hold the same scan, see `copies.COLUMNS`; None where they were not looked for.
        problems_table: `verification.csv` as written.
        pairs_table: `duplicates.csv` as written.
    """

    checks: tuple[StoreCheck, ...]
    pairs: pd.DataFrame | None
    problems_table: Path
    pairs_table: Path

    @property
    def problems(self) -> list[Problem]:
        """Everything that is wrong with the stores."""
        return [problem for check in self.checks for problem in check.problems]

    @property
    def n_leaks(self) -> int:
        """Pairs that lie in two splits."""
        return 0 if self.pairs is None else int(self.pairs[LEAKAGE].sum())


def verify_stores(
    stores: Sequence[Path],
    *,
    out: Path | None = None,
    splits: Path | None = None,
    with_duplicates: bool = True,
    workers: int = 0,
    timeout_s: float = 300.0,
    progress: Progress = lambda number, done, total: None,
) -> Verification:
    """Check every file of some stores and look for scans that are in them twice.

    Args:
        stores: at least one; the fingerprints of each are kept in it.
        out: folder of the two tables; the first store if None.
        splits: a split file; the same scan in two splits is leakage.
        with_duplicates: whether scans that are there twice are looked for.
        workers: processes; 0 to work in this one.
        timeout_s: seconds after which a file without progress is given up.
        progress: called with (number of the store from 1, files looked at, files in all).

    Raises:
        PreprocessError: no such store, one named twice, no split file, or arguments that cannot work.
    """
    _refuse(stores, splits, with_duplicates=with_duplicates, workers=workers)
    checks = tuple(
        check_store(store, Options(workers, with_duplicates, number, timeout_s), partial(progress, number))
        for number, store in enumerate(stores, start=1)
    )
    found = Verification(checks, None, (out or stores[0]) / "verification.csv", (out or stores[0]) / "duplicates.csv")
    write_problems(found.problems_table, found.problems)
    if not with_duplicates:
        return found
    pairs = copies(checks)
    pairs = mark_leakage(pairs, splits) if splits else pairs
    write_copies(found.pairs_table, pairs)
    return replace(found, pairs=pairs)


def _refuse(stores: Sequence[Path], splits: Path | None, *, with_duplicates: bool, workers: int) -> None:
    """Say what is wrong with the arguments before hours are spent."""
    for path in stores:
        if not path.is_dir():
            raise PreprocessError(f"no study store at {path}", "make one with cmr-preprocess convert")
    if len({path.resolve() for path in stores}) < len(stores):
        raise PreprocessError("a store is named twice", "name each store once in --store and --other")
    if splits and not with_duplicates:
        raise PreprocessError("--splits needs the search for duplicates", "leave out --no-duplicates")
    if splits:
        read_splits(splits)
    if workers < 0:
        raise PreprocessError("a negative number of workers", "use --workers 0 or more")
