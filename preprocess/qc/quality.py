"""A store's page and its table of measures, from the store."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from preprocess.errors import PreprocessError
from preprocess.qc.collect import collect, write_measures
from preprocess.qc.page import render
from preprocess.qc.page_content import Report
from preprocess.qc.rules import find_outliers, flagged
from preprocess.qc.thumbnails import odd_clips, random_clips
from preprocess.qc.totals import ledger_totals, store_totals
from preprocess.store.study_file import studies_in
from preprocess.system.files import write_text

__all__ = ["Quality", "check_quality"]


@dataclass(frozen=True)
class Quality:
    """What checking the quality of a store came to.

    Attributes:
        report: all that the page shows.
        page: as written.
        table: measures per clip, as written beside the page.
    """

    report: Report
    page: Path
    table: Path


def check_quality(
    store: Path,
    page: Path,
    *,
    sample: int = 2000,
    seed: int = 0,
    workers: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Quality:
    """Count a store, measure its pixels, find what is out of the ordinary, and write page and table.

    What an earlier run measured is not measured again.

    Args:
        store: the store.
        page: HTML file to write; the table goes beside it, with the suffix `.csv`.
        sample: studies to measure, at random where the store has more.
        seed: of the random sample.
        workers: processes; 0 to work in this one.
        progress: called with (finished, total) studies.

    Raises:
        PreprocessError: no store or an empty one, a page of another suffix, or arguments that cannot work.
    """
    if page.suffix.lower() not in (".html", ".htm") or page.is_dir():
        raise PreprocessError(f"{page} is no name for a page", "give --out a name that ends in .html")
    table = page.with_suffix(".csv")
    keys = list(studies_in(store))
    if not keys:
        raise PreprocessError(f"{store} holds no study", "fill it with cmr-preprocess convert")
    if sample < 1 or workers < 0 or seed < 0:
        raise PreprocessError("--sample must be 1 or more, --workers and --seed 0 or more", "mend the option")
    totals, ledger = store_totals(store), ledger_totals(store)
    chosen = keys if sample >= len(keys) else sorted(random.Random(seed).sample(keys, sample))
    measures = collect(store, chosen, table, workers=workers, progress=progress)
    outliers = find_outliers(measures)
    write_measures(table, measures.assign(flags=flagged(measures, outliers)))
    pictures = random_clips(store, measures, seed), odd_clips(store, outliers)
    report = Report(totals, ledger, len(keys), measures, outliers, seed, *pictures, table.name)
    write_text(page, render(report))
    return Quality(report, page, table)
