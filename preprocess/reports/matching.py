"""Which row of a table belongs to which study of a store: real identifiers are hashed with the store's key."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from preprocess.errors import PreprocessError
from preprocess.privacy.keys import SiteKey
from preprocess.reports.accounts import RowAccount, RowOutcome
from preprocess.store.study_file import studies_in
from preprocess.system.tables import read_rows

__all__ = ["IdColumns", "Matching", "ReportTable", "TableRow", "match_rows", "studies_of_store"]

TableRow = Mapping[str, str]


@dataclass(frozen=True)
class IdColumns:
    """The columns that name a row's patient and study; the study is its accession number or StudyInstanceUID."""

    patient: str = "patient_id"
    study: str = "accession"

    def identifiers(self, row: TableRow) -> tuple[str, str]:
        """The real identifiers of a row."""
        return row[self.patient], row[self.study]


@dataclass(frozen=True)
class ReportTable:
    """A table of reports, a row for each study.

    Attributes:
        rows: real identifiers and the report.
        ids: columns of the identifiers.
        text_column: column of the report.
    """

    rows: Sequence[TableRow]
    ids: IdColumns
    text_column: str

    @classmethod
    def read(cls, path: Path, ids: IdColumns, text_column: str) -> ReportTable:
        """Read a CSV file.

        Raises:
            PreprocessError: no such table, or a column is missing.
        """
        return cls(read_rows(path, [ids.patient, ids.study, text_column]), ids, text_column)


@dataclass(frozen=True)
class Matching:
    """The one row of each study, in the order of the store, and what became of all others."""

    rows: dict[str, TableRow]
    accounts: list[RowAccount]


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
    rows: Sequence[TableRow],
    columns: IdColumns,
    key: SiteKey,
    studies: Collection[str],
    content: Callable[[TableRow], str],
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
    accounts: list[RowAccount] = []
    found: dict[str, TableRow] = {}
    wanted, empty = set(studies), set[str]()
    for row in rows:
        study = key.study(*columns.identifiers(row))
        reason = _reason(row, found.get(study), study in wanted, content)
        if reason:
            accounts.append(RowAccount(study, RowOutcome.LEFT_OUT, reason))
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
    accounts.extend(RowAccount(study, RowOutcome.ABSENT, "no row in the table") for study in absent)
    return Matching({study: found[study] for study in studies if study in found}, accounts)


def _reason(row: TableRow, earlier: TableRow | None, in_store: bool, content: Callable[[TableRow], str]) -> str:
    """Why a row is left out; empty where it is kept."""
    text = content(row).split()
    if not in_store:
        return "study not in the store"
    if not text:
        return "empty"
    if earlier is None:
        return ""
    return "same again" if content(earlier).split() == text else "another row of this study came first"
