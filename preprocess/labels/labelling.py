"""From a table of labels to the label file of a store: a row for each study, an account of every row of the table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from preprocess.errors import PreprocessError
from preprocess.labels.readings import LabelTable
from preprocess.labels.table import write_label_table
from preprocess.privacy.keys import SiteKey
from preprocess.reports.accounts import RowAccount, write_accounts
from preprocess.reports.matching import match_rows, studies_of_store

__all__ = ["WrittenLabels", "write_labels"]


@dataclass(frozen=True)
class WrittenLabels:
    """What `write_labels` wrote.

    Attributes:
        ledger: file with the accounts.
        n_studies: studies of the store, which are the rows of the label file.
        n_known: target to the number of studies with a value.
        accounts: what became of every row, and the studies without one.
    """

    ledger: Path
    n_studies: int
    n_known: Mapping[str, int]
    accounts: tuple[RowAccount, ...]


def write_labels(table: LabelTable, store: Path, out: Path, *, key: SiteKey, overwrite: bool = True) -> WrittenLabels:
    """Write the label file of a store, and its ledger beside it.

    Args:
        table: the labels, by real identifiers.
        store: the study store.
        out: CSV file to write.
        key: the key that `convert` used.
        overwrite: whether a file with other labels may be replaced.

    Raises:
        PreprocessError: no store, no row of one of its studies, or other labels that may not be replaced.
    """
    studies = studies_of_store(store)
    try:
        matching = match_rows(table.rows, table.ids, key, studies, table.source.content)
    except PreprocessError as error:
        raise PreprocessError(error.problem, table.remedy or error.remedy) from None
    readings = {study: table.source.read(row) for study, row in matching.rows.items()}
    targets = table.source.targets
    nothing = ("",) * len(targets)
    values = [readings[study].values if study in readings else nothing for study in studies]
    write_label_table(out, targets, zip(studies, values, strict=True), overwrite=overwrite)
    accounts = [*(reading.account(study) for study, reading in readings.items()), *matching.accounts, *table.ledger]
    n_known = {target: sum(1 for row in values if row[index]) for index, target in enumerate(targets)}
    return WrittenLabels(write_accounts(out, accounts, "n_labels"), len(studies), n_known, tuple(accounts))
