"""Look at one study: its facts, what was left out of it, a contact sheet, and a film of each view.

STUDY is a study key or the beginning of one, patient/study, or the path of an .h5 file of a store. The contact sheet
has a row per slice (short axis from base to apex) and a column per phase; films run at the speed of the heart.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from rich.markup import escape
from rich.table import Table

from preprocess.commands.console import console, progress_bar
from preprocess.inspection.films import ASSUMED_CYCLE_MS, Film, beat_ms, write_gif, write_mp4
from preprocess.inspection.lookup import find_study, ledger_rows, load_study, printable
from preprocess.pages.pictures import contact_sheet, cycle_frames, save_png
from preprocess.qc.study_measures import gaps
from preprocess.store.ledger import STORED
from preprocess.store.study import CineStack, Study
from preprocess.store.views import View


@dataclass(frozen=True)
class _Writer:
    """A kind of film: its suffix, the size of its tiles in pixels, and what writes it."""

    suffix: str
    side: int
    write: Callable[[Path, Film], None]


_MP4, _GIF = _Writer(".mp4", 256, write_mp4), _Writer(".gif", 144, write_gif)  # a GIF hardly compresses
_WRITERS = {"mp4": (_MP4,), "gif": (_GIF,), "both": (_MP4, _GIF)}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add = parser.add_argument
    add("study", metavar="STUDY", help="study key (or its first digits), patient/study, or the path of an .h5 file")
    add("--store", type=Path, metavar="STORE", help="the store; not needed with a path")
    add("--out", type=Path, metavar="DIR", help="folder for the pictures (default: inspect-<study>)")
    add("--format", choices=tuple(_WRITERS), default="mp4", help="of the films (default: %(default)s)")
    add("--no-films", action="store_true", help="the contact sheet only")


def run(args: argparse.Namespace) -> int:
    """Print the facts and write the pictures."""
    found = find_study(args.study, args.store)
    study = load_study(found)
    say = console().print
    say(_facts(study))
    say(_views(study))
    rows = ledger_rows(found)
    if len(rows):
        say(_ledger(rows))
    out = args.out or Path(f"inspect-{study.study}")
    written = _pictures(study, out, () if args.no_films else _WRITERS[args.format])
    say(f"Written to {escape(str(out))}:")
    for path in written:
        say(f"  {escape(path.name)}")
    untimed = [str(view) for view, stack in study.views.items() if math.isnan(beat_ms(stack))]
    if untimed and not args.no_films:
        seconds = f"{ASSUMED_CYCLE_MS / 1000:g} s"
        say(f"No plausible trigger times in {', '.join(untimed)}: its film assumes {seconds} a beat.")
    say(f"Next: cmr-preprocess qc --store {escape(str(found.store))} compares it with the rest of the store")
    return 0


def _pictures(study: Study, out: Path, writers: Sequence[_Writer]) -> list[Path]:
    """Write the contact sheet and the films; the names carry the study's key, so that studies can share a folder."""
    sheet = out / f"{study.study}_sheet.png"
    written = [sheet]
    jobs = [(view, writer) for view in View if view in study.views for writer in writers]
    with progress_bar() as bar:
        task = bar.add_task("pictures", total=1 + len(jobs))
        save_png(sheet, contact_sheet(study))
        bar.advance(task)
        for view, writer in jobs:
            beat = beat_ms(study.views[view])
            frames = list(cycle_frames(study.views[view], view, side=writer.side))
            written.append(out / f"{study.study}_{view.value}{writer.suffix}")
            writer.write(written[-1], Film(frames, ASSUMED_CYCLE_MS if math.isnan(beat) else beat))
            bar.advance(task)
    return written


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
    views = [view for view in View if view in study.views]
    table = Table("", *map(str, views), title="Views", title_justify="left")
    columns = [_view_cells(study.views[view]) for view in views]
    for name in columns[0]:
        table.add_row(name, *(column[name] for column in columns))
    return table


def _view_cells(stack: CineStack) -> dict[str, str]:
    n_slices, _, rows, cols = stack.pixels.shape
    between = gaps(stack)[0]
    gap = float(np.nanmedian(between)) if n_slices > 1 else math.nan
    beat, n_frames = beat_ms(stack), float(np.median(stack.n_frames))
    return {
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


def _range(low: object, high: object) -> str:
    return f"{low}" if low == high else f"{low}–{high}"


def _ledger(rows: pd.DataFrame) -> Table:
    """What became of each series, what was left out last."""
    table = Table("outcome", "view", "position mm", "files", "frames", "why", title="Ledger", title_justify="left")
    ordered = rows.sort_values("outcome", key=lambda outcomes: outcomes != STORED, kind="stable")
    for row in ordered.to_dict("records"):
        names = ("outcome", "view", "position_mm", "n_files", "n_frames", "reason")
        table.add_row(*(escape(printable(str(row[name]))) for name in names))
    return table
