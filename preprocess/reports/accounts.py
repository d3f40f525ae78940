"""What became of every row of a table of reports or labels: a ledger beside the output, `<out stem>.ledger.csv`.

It holds hashes, reasons and counts; never a real number or a word of a report.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from preprocess.system.files import write_text
from preprocess.system.tables import csv_text

__all__ = ["RowAccount", "RowOutcome", "account_summary", "accounts_path", "write_accounts"]


class RowOutcome(Enum):
    """What became of a row of the table, or that a study of the store has none."""

    KEPT = "kept"
    LEFT_OUT = "left out"
    ABSENT = "absent"


@dataclass(frozen=True)
class RowAccount:
    """What became of one row of the table, or of a study without a row.

    Attributes:
        study: hashed key; empty where the row names no study.
        outcome: of the row.
        reason: empty where all is well.
        count: sentences or labels.
    """

    study: str
    outcome: RowOutcome
    reason: str = ""
    count: int = 0


def accounts_path(out: Path) -> Path:
    """Where the ledger of an output lies: `<out stem>.ledger.csv` beside it."""
    return out.with_name(f"{out.stem}.ledger.csv")


def write_accounts(out: Path, accounts: Iterable[RowAccount], count_name: str) -> Path:
    """Write the ledger of `out`; `count_name` heads its last column."""
    path = accounts_path(out)
    fields = ((account.study, account.outcome.value, account.reason, account.count) for account in accounts)
    write_text(path, csv_text(("study", "outcome", "reason", count_name), fields))
    return path


def account_summary(accounts: Iterable[RowAccount]) -> list[str]:
    """One line for each outcome and reason that is not plain success."""
    counts = Counter((account.outcome.value, account.reason) for account in accounts if account.reason)
    return [f"{outcome} ({reason}): {number}" for (outcome, reason), number in sorted(counts.items())]
