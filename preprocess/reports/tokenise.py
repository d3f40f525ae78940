"""From a table of reports to the sentence index: match rows to studies, split, tokenize, account for every row."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from preprocess.errors import PreprocessError
from preprocess.privacy.keys import SiteKey
from preprocess.reports.accounts import RowAccount, RowOutcome, write_accounts
from preprocess.reports.cleaning import without_identifiers
from preprocess.reports.index import SentenceIndex, write_sentences
from preprocess.reports.layout import report_blocks
from preprocess.reports.matching import ReportTable, match_rows, studies_of_store
from preprocess.reports.splitting import Splitter
from preprocess.reports.tokenizer import ReportTokenizer

__all__ = ["IndexedReports", "StudyReport", "index_reports", "tokenize_reports"]


class StudyReport(NamedTuple):
    """The report of a study.

    Attributes:
        study: hashed key.
        text: the report.
        identifiers: real identifiers, which must not stay in it.
    """

    study: str
    text: str
    identifiers: Sequence[str]


@dataclass(frozen=True)
class IndexedReports:
    """What `index_reports` wrote.

    Attributes:
        ledger: file with the accounts.
        n_studies: studies of the store.
        n_indexed: those with at least one sentence.
        n_sentences: of all of them.
        accounts: what became of every row, and the studies without one.
    """

    ledger: Path
    n_studies: int
    n_indexed: int
    n_sentences: int
    accounts: tuple[RowAccount, ...]


def index_reports(
    table: ReportTable,
    store: Path,
    out: Path,
    *,
    key: SiteKey,
    tokenizer: ReportTokenizer,
    splitter: Splitter,
    sections: Collection[str] = (),
    track: Callable[[Sequence[StudyReport]], Iterable[StudyReport]] = iter,
) -> IndexedReports:
    """Write the sentence index of a store's reports, and its ledger beside it.

    Args:
        table: the reports.
        store: the study store.
        out: JSON file to write.
        key: the key that `convert` used.
        tokenizer: of the text encoder.
        splitter: finds the sentences, and knows the language of the reports.
        sections: keep only what stands under headings with one of these words (all if empty).
        track: wraps the reports, for a progress bar.

    Raises:
        PreprocessError: no store, no row of one of its studies, or no sentence in any of them.
    """
    studies = studies_of_store(store)
    matching = match_rows(table.rows, table.ids, key, studies, lambda row: row[table.text_column])
    reports = [
        StudyReport(study, row[table.text_column], table.ids.identifiers(row)) for study, row in matching.rows.items()
    ]
    index, accounts = tokenize_reports(track(reports), tokenizer, splitter, sections)
    if not index.studies:
        raise PreprocessError("no report of a study in the store holds a sentence", "is --text-column right?")
    accounts += matching.accounts
    write_sentences(out, index)
    ledger = write_accounts(out, accounts, "n_sentences")
    n_sentences = sum(len(sentences) for sentences in index.studies.values())
    return IndexedReports(ledger, len(studies), len(index.studies), n_sentences, tuple(accounts))


def tokenize_reports(
    reports: Iterable[StudyReport], tokenizer: ReportTokenizer, splitter: Splitter, sections: Collection[str] = ()
) -> tuple[SentenceIndex, list[RowAccount]]:
    """Split and tokenize reports.

    Args:
        reports: one for each study.
        tokenizer: gives ids without `[CLS]` and `[SEP]`.
        splitter: finds the sentences, and knows the language of the reports.
        sections: keep only what stands under headings with one of these words (all if empty).

    Returns:
        The index, and what became of each report.
    """
    wanted = {name.lower() for name in sections}
    studies: dict[str, list[list[int]]] = {}
    accounts: list[RowAccount] = []
    for report in reports:
        text = without_identifiers(report.text, report.identifiers, splitter.language)
        blocks = report_blocks(text, splitter.language)
        kept = [block.text for block in blocks if not wanted or not set(block.section.split()).isdisjoint(wanted)]
        texts = splitter.split(kept) if kept else []
        sentences = [ids for ids in map(tokenizer.encode, texts) if ids]
        if sentences:
            studies[report.study] = sentences
            accounts.append(RowAccount(report.study, RowOutcome.KEPT, count=len(sentences)))
        else:
            reason = "section not found" if blocks and not kept else "no sentence left"
            accounts.append(RowAccount(report.study, RowOutcome.LEFT_OUT, reason))
    index = SentenceIndex(
        tokenizer.source,
        tokenizer.sha256,
        tokenizer.cls_id,
        tokenizer.sep_id,
        splitter.name,
        studies,
        splitter.language.name,
    )
    return index, accounts
