"""Labels of public data sets, keyed like the studies that `convert` made of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from preprocess.errors import PreprocessError
from preprocess.labels.readings import LabelSource, LabelTable, Reading
from preprocess.reports.accounts import RowAccount, RowOutcome
from preprocess.reports.matching import IdColumns, TableRow
from preprocess.sources.sites import Site

__all__ = ["site_labels"]

_PATIENT, _STUDY, _STATED, _REASON = "<patient>", "<study>", "<stated>", "<reason>"  # no target is called so


def site_labels(site: Site, paths: Sequence[Path]) -> LabelTable:
    """The labels of a data set as a table for `write_labels`.

    Args:
        site: a data set with a `label_option`.
        paths: files or folders of its labels.

    Raises:
        PreprocessError: a path holds no such labels, or a row has more or fewer values than there are targets.
    """
    stated = site.labels(paths)
    wrong = sum(len(row.values) != len(stated.targets) for row in stated.rows)
    if wrong:
        raise PreprocessError(
            f"{wrong} of {len(stated.rows)} label rows of {site.name} have not a value for each of "
            f"{', '.join(stated.targets)}",
            "give a value for each target, empty where it is unknown",
        )
    rows = [
        {
            _PATIENT: row.patient,
            _STUDY: row.study,
            _STATED: row.stated,
            _REASON: row.reason,
            **dict(zip(stated.targets, row.values, strict=True)),
        }
        for row in stated.rows
    ]

    def read(row: TableRow) -> Reading:
        return Reading(tuple(row[target] for target in stated.targets), row[_REASON])

    return LabelTable(
        rows,
        IdColumns(_PATIENT, _STUDY),
        LabelSource((_STATED,), stated.targets, read),
        tuple(RowAccount("", RowOutcome.LEFT_OUT, reason) for reason in stated.strangers),
        f"is --key the key of this store, and was the store made from the {site.files}, without --ids-from-headers?",
    )
