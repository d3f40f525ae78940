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
from preprocess.commands.table_options import (
    add_identifier_options,
    add_report_options,
    add_store_option,
    id_columns,
    site_key,
)
from preprocess.errors import PreprocessError
from preprocess.labels.labelling import write_labels
from preprocess.labels.public import site_labels
from preprocess.labels.readings import LabelTable, report_labels, table_labels
from preprocess.reports.accounts import account_summary
from preprocess.reports.language.registry import DEFAULT_LANGUAGE, language_named
from preprocess.reports.matching import ReportTable
from preprocess.sources.sites import known_sites
from preprocess.system.tables import read_rows


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--reports", type=Path, metavar="CSV", help="table of reports to read LVEF from")
    source.add_argument("--table", type=Path, metavar="CSV", help="table to take --columns from")
    for site in known_sites():
        if option := site.label_option:
            action = "append" if option.is_repeatable else "store"
            source.add_argument(f"--{site.name}", type=Path, action=action, metavar=option.metavar, help=option.help)
    add = parser.add_argument
    add("--columns", type=_names, default=[], metavar="A,B,C", help="target columns of --table, numbers or text")
    add_store_option(parser)
    add("--out", type=Path, required=True, metavar="CSV", help="label file to write")
    add_identifier_options(parser)
    add_report_options(parser)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _table(args: argparse.Namespace) -> LabelTable:
    """The table that was named; the parser sees to it that there is exactly one kind."""
    if args.language and not args.reports:
        raise PreprocessError("--language is of reports", "give it with --reports only")
    for site in known_sites():
        if site.label_option and (given := getattr(args, site.name)):
            return site_labels(site, given if site.label_option.is_repeatable else [given])
    ids = id_columns(args)
    if args.reports:
        language = language_named(args.language or DEFAULT_LANGUAGE.name)
        return report_labels(ReportTable.read(args.reports, ids, args.text_column), language)
    source = table_labels(args.columns, ids)
    return LabelTable(read_rows(args.table, [ids.patient, ids.study, *source.sources]), ids, source)


def run(args: argparse.Namespace) -> int:
    """Write the label file and its ledger."""
    labels = write_labels(_table(args), args.store, args.out, key=site_key(args))
    say = console()
    for target, n_known in labels.n_known.items():
        say.print(f"{target}: {n_known} of {labels.n_studies} studies have a value", markup=False)
    for line in account_summary(labels.accounts):
        say.print(line, markup=False)
    say.print(f"wrote {args.out} and {labels.ledger}", markup=False)
    say.print(f"next: cmr-preprocess splits --store {args.store} --out splits.csv", markup=False)
    return 0
