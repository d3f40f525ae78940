"""Divide the patients of a store into train, val and test; a patient is in one split only.

The same store, fractions and seed give the same file. An existing file that differs is kept unless --overwrite
is given; --extend FILE keeps its assignments and assigns new patients only. --duplicates FILE takes the table that
verify made: patients who hold the same scan go to the same split.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from preprocess.commands.console import console
from preprocess.labels.assign import (
    Cohort,
    assign_patients,
    earlier_splits,
    read_copies,
    read_stratum,
    split_table,
    write_splits,
)
from preprocess.labels.splits import SPLITS
from preprocess.store.study_file import studies_in


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add = parser.add_argument
    add("--store", type=Path, required=True, help="study store that convert made")
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
    labels = read_stratum(args.stratify) if args.stratify else None
    cohort = Cohort.of(studies_in(args.store), labels)
    if args.duplicates:
        cohort = replace(cohort, copies=read_copies(args.duplicates, cohort.studies))
    earlier = earlier_splits(args.extend) if args.extend else {}
    assigned = assign_patients(cohort, args.fractions, args.seed, earlier)
    same_file = args.extend is not None and args.out.resolve() == args.extend.resolve()
    changed = write_splits(args.out, split_table(cohort, assigned), overwrite=args.overwrite or same_file)

    say = console()
    for split in SPLITS:
        own = [patient for patient, name in assigned.items() if name == split]
        number = sum(len(cohort.studies[patient]) for patient in own)
        say.print(f"{split}: patients {len(own)}, studies {number}", markup=False)
    if args.extend:
        kept = sum(patient in cohort.studies for patient in earlier)
        say.print(f"patients kept from {args.extend}: {kept}, added: {len(assigned) - kept}", markup=False)
        if kept < len(earlier):
            say.print(f"its patients that are not in the store, left out: {len(earlier) - kept}", markup=False)
    if args.duplicates:
        say.print(f"sets of patients with the same scan, kept together: {len(cohort.copies)}", markup=False)
    if labels is not None:
        missing = len(cohort.studies) - len(cohort.strata)
        say.print(f"balanced by {args.stratify}; patients without a value there: {missing}", markup=False)
    say.print(f"wrote {args.out}" if changed else f"{args.out} is unchanged", markup=False)
    say.print("next: cmr-clip fit --config configs/demo/pretrain.yaml", markup=False)
    return 0
