"""Make a label file: LVEF read from the reports, columns of any table, or the labels of a public data set.

  cmr-preprocess labels --reports reports.csv --store STORE --out labels.csv
  cmr-preprocess labels --table table.csv --columns lvef_percent,hcm --store STORE --out labels.csv
  cmr-preprocess labels --kaggle train.csv --kaggle solution.csv --store STORE --out labels.csv
  cmr-preprocess labels --acdc FOLDER --store STORE --out labels.csv

The file has a row for each study of the store; what is not known stays empty and is masked in training.
A ledger (OUT stem + .ledger.csv) accounts for every row of the table and every study.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from preprocess.commands.console import console
from preprocess.errors import PreprocessError
from preprocess.labels.public import acdc_labels, kaggle_labels
from preprocess.labels.sources import LabelTable, report_labels, table_labels
from preprocess.privacy.keys import SiteKey, default_key_path, load_key
from preprocess.reports.tokenise import IdColumns, Matching, ledger_summary, match_rows, studies_of_store, write_ledger
from preprocess.system.files import write_text
from preprocess.system.tables import csv_text, read_rows


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--reports", type=Path, metavar="CSV", help="table of reports to read LVEF from")
    source.add_argument("--table", type=Path, metavar="CSV", help="table to take --columns from")
    volumes = "volumes of the Data Science Bowl: train.csv, validate.csv, solution.csv (may be repeated)"
    source.add_argument("--kaggle", type=Path, action="append", metavar="CSV", help=volumes)
    source.add_argument("--acdc", type=Path, metavar="FOLDER", help="unpacked ACDC, for its diagnostic groups")
    add = parser.add_argument
    add("--columns", type=_names, default=[], metavar="A,B,C", help="target columns of --table, numbers or text")
    add("--store", type=Path, required=True, help="study store that convert made")
    add("--out", type=Path, required=True, metavar="CSV", help="label file to write")
    add("--key", type=Path, metavar="FILE", help="site key of the store (default: STORE.private/site.key)")
    add("--patient-column", default="patient_id", metavar="NAME", help="default: %(default)s")
    add("--study-column", default="accession", metavar="NAME", help="default: %(default)s")
    add("--text-column", default="report", metavar="NAME", help="of --reports (default: %(default)s)")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _table(args: argparse.Namespace) -> LabelTable:
    """The table that was named; the parser sees to it that there is exactly one kind."""
    if args.kaggle:
        return kaggle_labels(args.kaggle)
    if args.acdc:
        return acdc_labels(args.acdc)
    ids = IdColumns(args.patient_column, args.study_column)
    source = report_labels(args.text_column) if args.reports else table_labels(args.columns, ids)
    rows = read_rows(args.reports or args.table, [ids.patient, ids.study, *source.sources])
    return LabelTable(rows, ids, source)


def _match(table: LabelTable, key: SiteKey, studies: list[str]) -> Matching:
    try:
        return match_rows(table.rows, table.ids, key, studies, table.source.content)
    except PreprocessError as error:
        raise PreprocessError(error.problem, table.remedy or error.remedy) from None


def run(args: argparse.Namespace) -> int:
    """Write the label file and its ledger."""
    table = _table(args)
    labels = table.source
    studies = studies_of_store(args.store)
    matching = _match(table, load_key(args.key or default_key_path(args.store)), studies)

    readings = {study: labels.read(row) for study, row in matching.rows.items()}
    nothing = ("",) * len(labels.targets)
    values = [readings[study].values if study in readings else nothing for study in studies]
    ledger = [*(reading.ledger_row(study) for study, reading in readings.items()), *matching.ledger]
    ledger += table.ledger
    lines = ((study, *row) for study, row in zip(studies, values, strict=True))
    write_text(args.out, csv_text(("study", *labels.targets), lines))
    ledger_file = write_ledger(args.out, ledger, "n_labels")

    say = console()
    for index, target in enumerate(labels.targets):
        found = sum(1 for row in values if row[index])
        say.print(f"{target}: {found} of {len(studies)} studies have a value", markup=False)
    for line in ledger_summary(ledger):
        say.print(line, markup=False)
    say.print(f"wrote {args.out} and {ledger_file}", markup=False)
    say.print("next: cmr-clip fit --config configs/demo/pretrain.yaml", markup=False)
    return 0
