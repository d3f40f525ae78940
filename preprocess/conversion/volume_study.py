"""A study that comes as NIfTI volumes (ACDC) to a stored file and ledger rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from preprocess.cines.pixels import PixelRules
from preprocess.cines.resampling import Grid
from preprocess.conversion.job import Job
from preprocess.errors import PreprocessError
from preprocess.sources.sites import acdc
from preprocess.store.intensity import PERCENTILES
from preprocess.store.ledger import STORED, Row
from preprocess.store.study import CineStack, Study
from preprocess.store.study_file import study_path, write_study
from preprocess.store.views import View
from preprocess.system.files import remove_stale

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
        stack = _regridded(stack, job.pixel_rules)
        remove_stale(study_path(job.store, blank.patient, blank.study))
        write_study(job.store, Study(blank.patient, blank.study, {View.SAX: stack}))
        n_frames = int(stack.n_frames.max())
        rows.append(replace(row, confidence=1.0, outcome=STORED, n_frames=n_frames, reason=acdc.reason(stack)))
    return rows


def _regridded(stack: CineStack, rules: PixelRules) -> CineStack:
    """The stack at the wanted spacing and size; unchanged where none is wanted."""
    grid = Grid.of(stack.pixels.shape[2:], stack.pixel_spacing, rules.spacing_mm, rules.crop)
    pixels = stack.pixels
    if grid.is_resampled:
        frames = [[np.rint(grid.resample(frame)).astype(pixels.dtype) for frame in one] for one in pixels]
        pixels = np.array(frames)
    old, orientation = stack.pixel_spacing, stack.image_orientation
    return replace(
        stack,
        pixels=grid.cut(pixels),
        pixel_spacing=grid.spacing,
        image_position=np.array([grid.moved(position, orientation, old) for position in stack.image_position]),
        intensity_percentiles=PERCENTILES if rules.bits == 8 else None,
    )
