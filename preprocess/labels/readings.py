"""Labels of studies, from reports or from tables: what is read from a row, and how rows name their studies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from preprocess.errors import PreprocessError
from preprocess.labels.lvef import LvefReader
from preprocess.reports.accounts import RowAccount, RowOutcome
from preprocess.reports.language.language import Language
from preprocess.reports.matching import IdColumns, ReportTable, TableRow

__all__ = ["LabelSource", "LabelTable", "Reading", "report_labels", "table_labels"]


@dataclass(frozen=True)
class Reading:
    """The labels of one study as text, empty where unknown, and why there are none."""

    values: tuple[str, ...]
    reason: str = ""

    def account(self, study: str) -> RowAccount:
        """What became of the study's row."""
        outcome = RowOutcome.LEFT_OUT if self.reason else RowOutcome.KEPT
        return RowAccount(study, outcome, self.reason, sum(map(bool, self.values)))


@dataclass(frozen=True)
class LabelSource:
    """Where labels come from.

    Attributes:
        sources: columns of the table that are read.
        targets: columns of the label file.
        read: the labels of a row.
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    read: Callable[[TableRow], Reading]

    def content(self, row: TableRow) -> str:
        """What a row says; blank if nothing."""
        text = "\n".join(row[name].strip() for name in self.sources)
        return text if text.strip() else ""


@dataclass(frozen=True)
class LabelTable:
    """A table of labels, ready to be matched with the studies of a store.

    Attributes:
        rows: real identifiers, and the columns of `source`.
        ids: where the identifiers are.
        source: what is read from a row.
        ledger: rows that were left out before.
        remedy: what to check if no row belongs to the store; empty for the usual advice.
    """

    rows: Sequence[TableRow]
    ids: IdColumns
    source: LabelSource
    ledger: tuple[RowAccount, ...] = ()
    remedy: str = ""


def report_labels(table: ReportTable, language: Language) -> LabelTable:
    """`lvef_percent`, read from reports.

    Raises:
        PreprocessError: LVEF cannot be read in this language.
    """
    reader = LvefReader(language)

    def read(row: TableRow) -> Reading:
        reading = reader.read(row[table.text_column])
        return Reading(("" if reading.percent is None else f"{reading.percent:g}",), reading.reason)

    return LabelTable(table.rows, table.ids, LabelSource((table.text_column,), ("lvef_percent",), read))


def table_labels(columns: Sequence[str], ids: IdColumns) -> LabelSource:
    """Columns of a table as they are.

    Raises:
        PreprocessError: no column named, one named twice, or one that identifies the patient or study.
    """
    if not columns:
        raise PreprocessError("no label column is named", "give --columns with --table")
    if len(set(columns)) < len(columns):
        raise PreprocessError("--columns names a column twice", "name each once")
    if set(columns) & {ids.patient, ids.study, "study", "patient"}:
        raise PreprocessError("--columns names an identifier", "name targets only: real numbers stay out of the labels")
    return LabelSource(
        tuple(columns), tuple(columns), lambda row: Reading(tuple(row[name].strip() for name in columns))
    )
