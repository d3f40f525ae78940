"""Divide the patients of a store into train, val and test; a patient is in one split only.

The same store, fractions and seed give the same file. An existing file that differs is kept unless --overwrite
is given; --extend FILE keeps its assignments and assigns new patients only. --duplicates FILE takes the table that
verify made: patients who hold the same scan go to the same split.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from preprocess.commands.console import console
from preprocess.commands.table_options import add_store_option
from preprocess.errors import PreprocessError
from preprocess.labels.assign import AssignedSplits, assign_splits
from preprocess.labels.table import read_label
from preprocess.store.study_file import studies_in
from preprocess.verification.copies import read_copies


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add = parser.add_argument
    add_store_option(parser)
    add("--out", type=Path, required=True, metavar="CSV", help="split file to write")
    add(
        "--fractions",
        type=float,
        nargs=3,
        default=(0.6, 0.1, 0.3),
        metavar=("TRAIN", "VAL", "TEST"),
        help="of the patients (default: 0.6 0.1 0.3)",
    )
    add("--seed", type=int, default=7, help="default: %(default)s")
    add("--stratify", metavar="CSV:COLUMN", help="balance this column of a label file between the splits")
    add("--duplicates", type=Path, metavar="CSV", help="keep patients with the same scan together (verify's table)")
    add("--extend", type=Path, metavar="CSV", help="keep the assignments of this split file")
    add("--overwrite", action="store_true", help="replace a different split file")


def run(args: argparse.Namespace) -> int:
    """Write the split file."""
    copies = []
    if args.duplicates:
        copies = read_copies(args.duplicates, (patient for patient, _ in studies_in(args.store)))
    labels = None
    if args.stratify:
        path, colon, column = args.stratify.rpartition(":")
        if not (path and colon and column):
            raise PreprocessError(f"--stratify {args.stratify} names no column", "write it as labels.csv:column")
        labels = read_label(Path(path), column)
    splits = assign_splits(
        args.store,
        args.out,
        fractions=args.fractions,
        seed=args.seed,
        labels=labels,
        copies=copies,
        extend=args.extend,
        overwrite=args.overwrite,
    )
    for line in (
        *_summary(args, splits),
        "next: name it in a recipe (configs/README.md), then cmr-clip check",
    ):
        console().print(line, markup=False)
    return 0


def _summary(args: argparse.Namespace, splits: AssignedSplits) -> list[str]:
    lines = [f"{split}: patients {n}, studies {splits.n_studies[split]}" for split, n in splits.n_patients.items()]
    if args.extend:
        n_added = sum(splits.n_patients.values()) - splits.n_kept
        lines.append(f"patients kept from {args.extend}: {splits.n_kept}, added: {n_added}")
    if splits.n_gone:
        lines.append(f"its patients that are not in the store, left out: {splits.n_gone}")
    if args.duplicates:
        lines.append(f"sets of patients with the same scan, kept together: {splits.n_copies}")
    if args.stratify:
        lines.append(f"balanced by {args.stratify}; patients without a value there: {splits.n_without_label}")
    lines.append(f"wrote {args.out}" if splits.has_changed else f"{args.out} is unchanged")
    return lines
