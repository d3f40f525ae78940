"""From a table of reports to the sentence index: match rows to studies, split, tokenize, account for every row.

The matching and its ledger serve the labels too. Ledger and messages hold hashes, reasons and counts; never a real
number or a word of a report.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from preprocess import __version__
from preprocess.errors import PreprocessError
from preprocess.privacy.keys import SiteKey
from preprocess.reports.index import SentenceIndex
from preprocess.reports.splitting import Splitter, report_blocks, without_identifiers
from preprocess.reports.tokenizer import ReportTokenizer
from preprocess.store.study_file import studies_in
from preprocess.system.files import write_text
from preprocess.system.tables import csv_text

__all__ = [
    "ABSENT",
    "KEPT",
    "LEFT_OUT",
    "IdColumns",
    "LedgerRow",
    "Matching",
    "Row",
    "index_text",
    "ledger_path",
    "ledger_summary",
    "match_rows",
    "studies_of_store",
    "tokenize_reports",
    "write_ledger",
]

Row = Mapping[str, str]
KEPT, LEFT_OUT, ABSENT = "kept", "left out", "absent"


@dataclass(frozen=True)
class IdColumns:
    """The columns that name a row's patient and study; the study is its accession number or StudyInstanceUID."""

    patient: str = "patient_id"
    study: str = "accession"

    def identifiers(self, row: Row) -> tuple[str, str]:
        """The real identifiers of a row."""
        return row[self.patient], row[self.study]


@dataclass(frozen=True)
class LedgerRow:
    """What became of one row of the table, or of a study without a row.

    Attributes:
        study: hashed key.
        outcome: `kept`, `left out` (the row) or `absent` (the study of the store has no row).
        reason: empty where all is well.
        count: sentences or labels.
    """

    study: str
    outcome: str
    reason: str = ""
    count: int = 0


@dataclass(frozen=True)
class Matching:
    """The one row of each study, in the order of the store, and the ledger of all others."""

    rows: dict[str, Row]
    ledger: list[LedgerRow]


def studies_of_store(store: Path) -> list[str]:
    """The study keys of a store.

    Raises:
        PreprocessError: no store, or nothing in it.
    """
    studies = [study for _, study in studies_in(store)]
    if not studies:
        raise PreprocessError(f"the store {store} holds no study", "make one with cmr-preprocess convert")
    return studies


def match_rows(
    rows: Sequence[Row], columns: IdColumns, key: SiteKey, studies: Collection[str], content: Callable[[Row], str]
) -> Matching:
    """Give each study of the store its first row that says something.

    Args:
        rows: of a table with the columns in `columns`.
        columns: which columns hold the identifiers.
        key: the key that `convert` used.
        studies: keys of the studies in the store.
        content: what a row says; blank means nothing. Tells equal duplicates from different ones.

    Raises:
        PreprocessError: no row belongs to a study of the store.
    """
    ledger: list[LedgerRow] = []
    found: dict[str, Row] = {}
    wanted, empty = set(studies), set[str]()
    for row in rows:
        study = key.study(*columns.identifiers(row))
        reason = _reason(row, found.get(study), study in wanted, content)
        if reason:
            ledger.append(LedgerRow(study, LEFT_OUT, reason))
            empty |= {study} & wanted
        else:
            found[study] = row
    if not found and not empty:
        raise PreprocessError(
            f"none of the {len(rows)} rows belongs to a study of the store",
            f"is --key the key of this store, are {columns.patient} and {columns.study} the right columns, "
            "and have they kept their leading zeros?",
        )
    absent = (study for study in studies if study not in found and study not in empty)
    ledger.extend(LedgerRow(study, ABSENT, "no row in the table") for study in absent)
    return Matching({study: found[study] for study in studies if study in found}, ledger)


def _reason(row: Row, earlier: Row | None, in_store: bool, content: Callable[[Row], str]) -> str:
    """Why a row is left out; empty where it is kept."""
    text = content(row).split()
    if not in_store:
        return "study not in the store"
    if not text:
        return "empty"
    if earlier is None:
        return ""
    return "same again" if content(earlier).split() == text else "another row of this study came first"


def tokenize_reports(
    reports: Iterable[tuple[str, str, Sequence[str]]],
    tokenizer: ReportTokenizer,
    splitter: Splitter,
    sections: Collection[str] = (),
) -> tuple[SentenceIndex, list[LedgerRow]]:
    """Split and tokenize reports.

    Args:
        reports: study, its report, and the real identifiers that must not stay in it.
        tokenizer: gives ids without `[CLS]` and `[SEP]`.
        splitter: finds the sentences.
        sections: keep only what stands under headings with one of these words (all if empty).

    Returns:
        The index, and a ledger row for each study.
    """
    wanted = {name.lower() for name in sections}
    studies: dict[str, list[list[int]]] = {}
    ledger: list[LedgerRow] = []
    for study, text, identifiers in reports:
        blocks = report_blocks(without_identifiers(text, identifiers))
        kept = [block.text for block in blocks if not wanted or wanted & set(block.section.split())]
        encoded = (tokenizer.encode(sentence) for sentence in (splitter.split(kept) if kept else ()))
        sentences = [ids for ids in encoded if ids]
        if sentences:
            studies[study] = sentences
            ledger.append(LedgerRow(study, KEPT, count=len(sentences)))
        else:
            ledger.append(LedgerRow(study, LEFT_OUT, "no sentence left" if not blocks or kept else "section not found"))
    index = SentenceIndex(
        tokenizer.source, tokenizer.sha256, tokenizer.cls_id, tokenizer.sep_id, splitter.name, studies
    )
    return index, ledger


def index_text(index: SentenceIndex) -> str:
    """The index as JSON, one study per line."""
    head = {
        "tokenizer": index.tokenizer,
        "tokenizer_sha256": index.tokenizer_sha256,
        "cls_id": index.cls_id,
        "sep_id": index.sep_id,
        "splitter": index.splitter,
        "software_version": __version__,
    }
    lines = (
        f"{json.dumps(study)}: " + json.dumps({"sentences": sentences}, separators=(",", ":"))
        for study, sentences in index.studies.items()
    )
    return json.dumps(head, indent=0)[:-2] + ',\n"studies": {\n' + ",\n".join(lines) + "\n}}\n"


def ledger_path(out: Path) -> Path:
    """Where the ledger of an output lies: `<out stem>.ledger.csv` beside it."""
    return out.with_name(f"{out.stem}.ledger.csv")


def write_ledger(out: Path, rows: Iterable[LedgerRow], count_name: str) -> Path:
    """Write the ledger of `out`; `count_name` heads its last column."""
    path = ledger_path(out)
    fields = ((row.study, row.outcome, row.reason, row.count) for row in rows)
    write_text(path, csv_text(("study", "outcome", "reason", count_name), fields))
    return path


def ledger_summary(rows: Iterable[LedgerRow]) -> list[str]:
    """One line for each outcome and reason that is not plain success."""
    counts = Counter((row.outcome, row.reason) for row in rows if row.reason)
    return [f"{outcome} ({reason}): {number}" for (outcome, reason), number in sorted(counts.items())]
