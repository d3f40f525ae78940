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
import time
from dataclasses import replace

from rich.markup import escape

from preprocess.commands.console import console, progress_bar
from preprocess.commands.store_options import Bars, add_scale_options, add_store_options, checked_job, report
from preprocess.conversion.dicom_run import convert
from preprocess.recognition.site_rules import SiteRules
from preprocess.sources.finding import Shard


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_store_options(parser, "folder, archive or file")
    add = parser.add_argument
    add("--ids-from-headers", action="store_true", help="never identify files by their names")
    add("--keep-age-sex", action=argparse.BooleanOptionalAction, default=True, help="store sex and age (default: yes)")
    scale = parser.add_argument_group("scale")
    add_scale_options(scale)
    part = "only part i of n, such as 3/64; the part that ends last writes the tables"
    scale.add_argument("--shard", metavar="i/n", help=part)
    add = parser.add_argument_group("size of images").add_argument
    add("--spacing", type=float, metavar="MM", help="resample in the plane to this pixel spacing (default: as scanned)")
    add("--crop", type=int, metavar="PIXELS", help="then cut or pad to a central square (default: whole images)")


def run(args: argparse.Namespace) -> int:
    """Convert and say what came of it."""
    job = replace(
        checked_job(args),
        spacing_mm=args.spacing,
        crop=args.crop,
        keep_age_sex=args.keep_age_sex,
        site=SiteRules.read(args.site) if args.site else None,
        ids_from_headers=args.ids_from_headers,
    )
    shard = Shard.parse(args.shard) if args.shard else None
    began = time.monotonic()
    with progress_bar() as bar:
        outcome = convert(
            args.input,
            job,
            workers=args.workers,
            shard=shard,
            crosswalk=args.crosswalk,
            progress=Bars(bar).update,
        )
    report(outcome, args.out, time.monotonic() - began)
    if outcome.is_finished:
        say, store = console().print, escape(str(args.out))
        key = f" --key {escape(str(args.key))}" if args.key else ""
        say(f"Check: cmr-preprocess verify --store {store}; look: cmr-preprocess qc --store {store} --out qc.html")
        say(f"Next: cmr-preprocess reports --reports reports.csv --store {store}{key} --out sentences.json")
    return 0
