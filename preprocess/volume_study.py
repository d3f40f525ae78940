"""A study that comes as NIfTI volumes (ACDC) to a stored file and ledger rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from preprocess.errors import PreprocessError
from preprocess.files import remove_stale
from preprocess.job import Job
from preprocess.ledger import STORED, Row
from preprocess.sites import acdc
from preprocess.store import Study, study_path, write_study
from preprocess.views import View

__all__ = ["convert_volumes"]


def convert_volumes(volumes: Sequence[bytes], blank: Row, job: Job) -> list[Row]:
    """Write the short-axis cine of a study.

    Args:
        volumes: contents of its 4-D files; the first that can be read is stored.
        blank: a ledger row with source, patient and study filled in.
        job: options.

    Returns:
        A row per volume.
    """
    rows: list[Row] = []
    for data in volumes:
        row = replace(blank, view=View.SAX.value, n_files=1)
        if any(one.outcome == STORED for one in rows):
            rows.append(replace(row, reason="another volume of this study was used"))
            continue
        try:
            stack = acdc.read_volume(data, job.bits)
        except PreprocessError as error:
            rows.append(replace(row, reason=error.problem))
            continue
        remove_stale(study_path(job.store, blank.patient, blank.study))
        write_study(job.store, Study(blank.patient, blank.study, {View.SAX: stack}))
        n_frames = int(stack.n_frames.max())
        rows.append(replace(row, confidence=1.0, outcome=STORED, n_frames=n_frames, reason=acdc.reason(stack)))
    return rows
