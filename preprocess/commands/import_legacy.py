"""Import the HDF5 files of the paper's public tools into a study store, with true slice boundaries.

Every <institution>_<mrn>/<accession>.h5 under --input, in either layout, becomes OUT/<patient>/<study>.h5; series
that are none of the four views, and slices that are incomplete, are in OUT/ledger.csv with the reason. The files hold
no position, no time and no pixel size, and neither do the imported studies: where the DICOM files still exist,
convert them instead. --master TABLE also writes labels.csv and splits.csv. See docs/legacy.md.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

from rich.markup import escape

from preprocess.commands.console import console, progress_bar
from preprocess.commands.store_options import Bars, add_scale_options, add_store_options, checked_job, report
from preprocess.errors import PreprocessError
from preprocess.legacy.importer import import_legacy
from preprocess.legacy.master import read_master
from preprocess.legacy.master_tables import MasterTables, write_master_tables
from preprocess.legacy.study_import import LegacyJob
from preprocess.legacy.view_map import Names, read_view_map
from preprocess.recognition.site_rules import SiteRules
from preprocess.reports.accounts import account_summary


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_store_options(parser, "folder of files")
    add = parser.add_argument
    add("--views", type=Path, metavar="CSV", help="your own map: series_description, view; before the rules")
    add("--pixel-spacing", type=float, default=math.nan, metavar="MM", help="of all files' pixels, if it is known")
    add_scale_options(parser.add_argument_group("scale"))
    tables = parser.add_argument_group("labels and splits")
    add = tables.add_argument
    add("--master", type=Path, metavar="CSV", help="table with parent_folder, accession, split and targets")
    add("--columns", type=_names, metavar="A,B,C", help="its targets (default: the columns of 0 and 1)")
    add("--labels", type=Path, metavar="CSV", help="label file (default: labels.csv beside the store)")
    add("--splits", type=Path, metavar="CSV", help="split file (default: splits.csv beside the store)")
    add("--overwrite", action="store_true", help="replace different label and split files")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def run(args: argparse.Namespace) -> int:
    """Import and say what came of it."""
    if not (math.isnan(args.pixel_spacing) or 0.1 <= args.pixel_spacing <= 10):
        raise PreprocessError(f"--pixel-spacing {args.pixel_spacing:g} is no pixel size", "give mm, such as 1.4")
    rules = SiteRules.read(args.site) if args.site else None
    names = Names(read_view_map(args.views) if args.views else {}, rules)
    legacy = LegacyJob(checked_job(args), names, args.pixel_spacing)
    master = read_master(args.master) if args.master else None
    began = time.monotonic()
    with progress_bar() as bar:
        outcome = import_legacy(
            args.input, legacy, workers=args.workers, crosswalk=args.crosswalk, progress=Bars(bar).update
        )
    report(outcome, args.out, time.monotonic() - began)
    if math.isnan(args.pixel_spacing):
        console().print("Pixel size, positions and times are unknown: sizes in mm cannot be measured in this store.")
    if master:
        files = {"labels": args.labels, "splits": args.splits}
        _tell(write_master_tables(master, args.out, legacy.job.key, args.columns, **files, overwrite=args.overwrite))
    else:
        name = escape(str(args.out))
        console().print(f"Next: cmr-preprocess splits --store {name} --out splits.csv")
    return 0


def _tell(tables: MasterTables) -> None:
    say = console().print
    if tables.left_out:
        say(f"not taken as targets: {', '.join(tables.left_out)} (name them with --columns)", markup=False)
    if tables.labels:
        for line in account_summary(tables.labels.accounts):
            say(line, markup=False)
        say(f"wrote {tables.labels_file} and {tables.labels.ledger}", markup=False)
    if tables.splits_file:
        say(f"wrote {tables.splits_file}", markup=False)
    say("Next: name them in a recipe (configs/README.md), then cmr-clip check --config RECIPE", markup=False)
