"""Look at one study: its facts, what was left out of it, a contact sheet, and a film of each view.

STUDY is a study key or the beginning of one, patient/study, or the path of an .h5 file of a store. The contact sheet
has a row per slice (short axis from base to apex) and a column per phase; films run at the speed of the heart.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.markup import escape
from rich.table import Table

from preprocess.commands.console import console, progress_bar
from preprocess.inspection.films import ASSUMED_CYCLE_MS, beat_ms
from preprocess.inspection.lookup import find_study, ledger_rows, load_study, printable
from preprocess.inspection.slices import slice_distances
from preprocess.inspection.study_pictures import FILM_FORMATS, write_pictures
from preprocess.store.ledger import STORED, Row
from preprocess.store.study import Study
from preprocess.store.views import View


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add = parser.add_argument
    add("study", metavar="STUDY", help="study key (or its first digits), patient/study, or the path of an .h5 file")
    add("--store", type=Path, metavar="STORE", help="the store; not needed with a path")
    add("--out", type=Path, metavar="DIR", help="folder for the pictures (default: inspect-<study>)")
    add("--format", choices=tuple(FILM_FORMATS), default="mp4", help="of the films (default: %(default)s)")
    add("--no-films", action="store_true", help="the contact sheet only")


def run(args: argparse.Namespace) -> int:
    """Print the facts and write the pictures."""
    found = find_study(args.study, args.store)
    study = load_study(found)
    say = console().print
    say(_facts(study))
    say(_views(study))
    rows = ledger_rows(found)
    if rows:
        say(_ledger(rows))
    out = args.out or Path(f"inspect-{study.study}")
    with progress_bar() as bar:
        task = bar.add_task("pictures", total=None)
        written = write_pictures(
            study,
            out,
            None if args.no_films else args.format,
            lambda done, total: bar.update(task, completed=done, total=total),
        )
    say(f"Written to {escape(str(out))}:")
    for path in written:
        say(f"  {escape(path.name)}")
    untimed = [str(view) for view, stack in study.views.items() if math.isnan(beat_ms(stack))]
    if untimed and not args.no_films:
        seconds = f"{ASSUMED_CYCLE_MS / 1000:g} s"
        say(f"No plausible trigger times in {', '.join(untimed)}: its film assumes {seconds} a beat.")
    say(f"Next: cmr-preprocess qc --store {escape(str(found.store))} compares it with the rest of the store")
    return 0


def _text(value: str) -> str:
    return escape(printable(value)) or "–"


def _number(value: float, form: str = "{:g}") -> str:
    return form.format(value) if math.isfinite(value) else "–"


def _facts(study: Study) -> Table:
    table = Table(title=f"Study {study.study}", show_header=False, title_justify="left")
    info = study.info
    table.add_row("patient", study.patient)
    table.add_row("scanner", f"{_text(info.vendor)}, {_text(info.model)}, {_number(info.field_strength)} T")
    older = "above 89" if info.age >= 90 else _number(info.age)
    table.add_row("sex, age in years", f"{_text(info.sex)}, {older}")
    missing = [view.value for view in View if view not in study.views]
    table.add_row("missing views", ", ".join(missing) or "none")
    return table


def _views(study: Study) -> Table:
    """A column for each view."""
    views = [view for view in View if view in study.views]
    table = Table("", *map(str, views), title="Views", title_justify="left")
    columns = []
    for view in views:
        stack = study.views[view]
        n_slices, _, rows, cols = stack.pixels.shape
        gap = float(np.nanmedian(slice_distances(stack)[0])) if n_slices > 1 else math.nan
        beat, n_frames = beat_ms(stack), float(np.median(stack.n_frames))
        facts = {
            "slices": str(n_slices),
            "frames": _range(stack.n_frames.min(), stack.n_frames.max()),
            "matrix": f"{rows} × {cols}",
            "pixel, mm": _range(*(_number(value, "{:.3g}") for value in stack.pixel_spacing)),
            "thickness, mm": _number(stack.slice_thickness, "{:.3g}"),
            "distance, mm": _number(gap, "{:.3g}"),
            "interval, ms": _number(beat / n_frames, "{:.1f}"),
            "beats/min": _number(60_000 / beat, "{:.0f}"),
            "window": _range(*(_number(value, "{:.4g}") for value in stack.intensity_window)),
            "bits": str(8 * stack.pixels.dtype.itemsize),
        }
        columns.append(facts)
    for name in columns[0]:
        table.add_row(name, *(column[name] for column in columns))
    return table


def _range(low: object, high: object) -> str:
    return f"{low}" if low == high else f"{low}–{high}"


def _ledger(rows: Sequence[Row]) -> Table:
    """What became of each series, what was left out last."""
    table = Table("outcome", "view", "position mm", "files", "frames", "why", title="Ledger", title_justify="left")
    for row in sorted(rows, key=lambda row: row.outcome != STORED):
        position = "" if row.position_mm is None else str(row.position_mm)
        cells = (row.outcome, row.view, position, str(row.n_files), str(row.n_frames), row.reason)
        table.add_row(*(escape(printable(cell)) for cell in cells))
    return table
