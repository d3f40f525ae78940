"""Labels and splits: from reports and tables to one row per study, and each patient on one side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preprocess.faces import face

if TYPE_CHECKING:
    from preprocess.labels.assign import AssignedSplits as AssignedSplits
    from preprocess.labels.assign import assign_splits as assign_splits
    from preprocess.labels.labelling import WrittenLabels as WrittenLabels
    from preprocess.labels.labelling import write_labels as write_labels
    from preprocess.labels.lvef import LvefReading as LvefReading
    from preprocess.labels.lvef import read_lvef as read_lvef
    from preprocess.labels.public import site_labels as site_labels
    from preprocess.labels.readings import LabelTable as LabelTable
    from preprocess.labels.readings import report_labels as report_labels
    from preprocess.labels.readings import table_labels as table_labels
    from preprocess.labels.splits import SPLITS as SPLITS
    from preprocess.labels.splits import read_splits as read_splits
    from preprocess.labels.splits import studies_of_split as studies_of_split
    from preprocess.labels.splits import write_splits as write_splits
    from preprocess.labels.table import number_in as number_in
    from preprocess.labels.table import read_label as read_label
    from preprocess.labels.table import read_labels as read_labels
    from preprocess.labels.table import write_label_table as write_label_table
else:
    __all__, __getattr__, __dir__ = face(
        __name__,
        assign="AssignedSplits assign_splits",
        labelling="WrittenLabels write_labels",
        lvef="LvefReading read_lvef",
        public="site_labels",
        readings="LabelTable report_labels table_labels",
        splits="SPLITS read_splits studies_of_split write_splits",
        table="number_in read_label read_labels write_label_table",
    )
