"""What the page is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from preprocess.qc.thumbnails import Thumbnail
from preprocess.qc.totals import LedgerTotals, StoreTotals
from preprocess.store.manifest import ClipColumn
from preprocess.store.views import View

__all__ = ["Report"]


@dataclass(frozen=True)
class Report:
    """Everything that the page shows.

    Attributes:
        totals: counts of the whole store.
        ledger: counts of its ledger, None where it has none.
        n_files: studies that lie in the store.
        measures: a row per clip of the studies that were measured.
        outliers: what was found in them.
        seed: of the random sample.
        random: thumbnails by view.
        odd: thumbnails of outliers.
        csv_name: file name of the table of measures.
    """

    totals: StoreTotals
    ledger: LedgerTotals | None
    n_files: int
    measures: pd.DataFrame
    outliers: pd.DataFrame
    seed: int
    random: Mapping[View, Sequence[Thumbnail]]
    odd: Sequence[Thumbnail]
    csv_name: str

    @property
    def n_measured(self) -> int:
        """Studies that were looked at."""
        return int(self.measures[ClipColumn.STUDY].nunique())

    @property
    def unreadable(self) -> pd.DataFrame:
        """Studies that cannot be read."""
        rows: pd.DataFrame = self.measures[self.measures["problem"] != ""]
        return rows
