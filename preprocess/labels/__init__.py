"""Labels and splits: from reports and tables to one row per study, and each patient on one side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preprocess.faces import face

if TYPE_CHECKING:
    from preprocess.labels.assign import Cohort as Cohort
    from preprocess.labels.assign import assign_patients as assign_patients
    from preprocess.labels.assign import split_table as split_table
    from preprocess.labels.assign import write_splits as write_splits
    from preprocess.labels.lvef import LvefReading as LvefReading
    from preprocess.labels.lvef import read_lvef as read_lvef
    from preprocess.labels.splits import SPLITS as SPLITS
    from preprocess.labels.splits import read_splits as read_splits
    from preprocess.labels.table import read_labels as read_labels
else:
    __all__, __getattr__, __dir__ = face(
        __name__,
        assign="Cohort assign_patients split_table write_splits",
        lvef="LvefReading read_lvef",
        splits="SPLITS read_splits",
        table="read_labels",
    )
