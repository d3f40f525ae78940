"""Label and split files from the table that the paper's tools call master."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from preprocess.labels.labelling import WrittenLabels, write_labels
from preprocess.labels.splits import write_splits
from preprocess.legacy.master import MasterTable
from preprocess.privacy.keys import SiteKey

__all__ = ["MasterTables", "write_master_tables"]


@dataclass(frozen=True)
class MasterTables:
    """What was made of a master table.

    Attributes:
        left_out: its columns that were not taken as targets, where nobody chose among them.
        labels_file: None where the table has no target.
        labels: what became of its rows.
        splits_file: None where the table has no split.
    """

    left_out: tuple[str, ...]
    labels_file: Path | None
    labels: WrittenLabels | None
    splits_file: Path | None


def write_master_tables(
    master: MasterTable,
    store: Path,
    key: SiteKey,
    columns: Sequence[str] | None = None,
    *,
    labels: Path | None = None,
    splits: Path | None = None,
    overwrite: bool = False,
) -> MasterTables:
    """Write the labels and splits of a master table for the studies of a store.

    Args:
        master: as `read_master` gives it.
        store: the imported studies.
        key: that they were hashed with.
        columns: targets; the columns of 0 and 1 without.
        labels: label file; `labels.csv` beside the store without.
        splits: split file; `splits.csv` beside the store without.
        overwrite: replace files of other content.

    Raises:
        PreprocessError: a file of other content is there, or a column is missing.
    """
    targets = list(columns or master.binary)
    labels_file, written = labels or store.parent / "labels.csv", None
    if targets:
        written = write_labels(master.labels(targets), store, labels_file, key=key, overwrite=overwrite)
    splits_file = splits or store.parent / "splits.csv"
    if master.has_splits:
        write_splits(splits_file, master.splits(store, key), overwrite=overwrite)
    return MasterTables(
        left_out=() if columns else tuple(master.others),
        labels_file=labels_file if targets else None,
        labels=written,
        splits_file=splits_file if master.has_splits else None,
    )
