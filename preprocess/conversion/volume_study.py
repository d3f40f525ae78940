"""A study that comes as volumes, from whichever data set, to a stored file and ledger rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from preprocess.cines.pixels import regridded
from preprocess.conversion.job import Job
from preprocess.conversion.survey import StudyVolume
from preprocess.errors import PreprocessError
from preprocess.store.ledger import STORED, Row
from preprocess.store.study import CineStack, Study
from preprocess.store.study_file import study_path, write_study
from preprocess.store.views import View
from preprocess.system.files import remove_stale

__all__ = ["convert_volumes"]


def convert_volumes(volumes: Sequence[StudyVolume], blank: Row, job: Job) -> list[Row]:
    """Write the cines of a study.

    Args:
        volumes: its 4-D files; the first of each view that can be read is stored.
        blank: a ledger row with source, patient and study filled in.
        job: options.

    Returns:
        A row per volume.
    """
    rows: list[Row] = []
    stacks: dict[View, CineStack] = {}
    for volume in volumes:
        row = replace(blank, view=volume.view.value, n_files=1)
        if volume.view in stacks:
            rows.append(replace(row, reason="another volume of this study was used"))
            continue
        try:
            read = volume.site.read_volume(volume.data, volume.view, job.bits)
        except PreprocessError as error:
            rows.append(replace(row, reason=error.problem))
            continue
        stacks[volume.view] = regridded(read.stack, job.pixel_rules)
        n_frames = int(read.stack.n_frames.max())
        rows.append(replace(row, confidence=1.0, outcome=STORED, n_frames=n_frames, reason=read.reason))
    if stacks:
        remove_stale(study_path(job.store, blank.patient, blank.study))
        write_study(job.store, Study(blank.patient, blank.study, stacks))
    return rows
