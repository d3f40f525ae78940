"""All clips of one study measured; a study that cannot be read is one row that says so."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from pathlib import Path

from preprocess.errors import PreprocessError
from preprocess.inspection.slices import slice_distances
from preprocess.qc.measures import PixelMeasures, TimeMeasures, pixel_measures, time_measures
from preprocess.store.intensity import shown_window
from preprocess.store.study_file import open_study, read_clip, read_hashes, read_study

__all__ = ["MEASURES_VERSION", "ClipMeasures", "Measured", "measure_study", "unreadable"]

MEASURES_VERSION = 1
_MAX_CINE = 1 << 30  # bytes of one slice's cine; a file that claims more is damaged or a trap
_NO_PIXELS = PixelMeasures(*[math.nan] * len(fields(PixelMeasures)))
_NO_TIMES = TimeMeasures(*[math.nan] * len(fields(TimeMeasures)))


@dataclass(frozen=True)
class ClipMeasures:
    """A row of the table of measures: where the clip is, its geometry, and what was measured.

    Attributes:
        study: key.
        patient: key.
        study_sha256: hash of the study's pixels as written in its file; empty where it cannot be read.
        vendor: manufacturer.
        view: name of the view; empty where the study cannot be read.
        slice: index, SAX from base to apex; -1 where the study cannot be read.
        n_slices: of the view.
        n_frames: of the clip.
        rows: image height in pixels.
        cols: image width in pixels.
        row_spacing_mm: distance of rows.
        col_spacing_mm: distance of columns.
        slice_thickness_mm: thickness.
        gap_mm: distance of the slice to the one before, along the normal; NaN for the first.
        shift_mm: displacement from the slice before within the plane.
        problem: why the study cannot be read, else empty.
        pixels: measures of the pixels.
        times: measures of the trigger times.
    """

    study: str
    patient: str
    study_sha256: str
    vendor: str
    view: str
    slice: int = -1
    n_slices: int = 0
    n_frames: int = 0
    rows: int = 0
    cols: int = 0
    row_spacing_mm: float = math.nan
    col_spacing_mm: float = math.nan
    slice_thickness_mm: float = math.nan
    gap_mm: float = math.nan
    shift_mm: float = math.nan
    problem: str = ""
    pixels: PixelMeasures = _NO_PIXELS
    times: TimeMeasures = _NO_TIMES


@dataclass(frozen=True)
class Measured:
    """What measuring a study came to; `clips` is empty where its known measures still hold."""

    clips: tuple[ClipMeasures, ...]
    is_known: bool = False


def unreadable(patient: str, study: str, problem: str) -> Measured:
    """The row of a study that cannot be read."""
    return Measured((ClipMeasures(study, patient, study_sha256="", vendor="", view="", problem=problem),))


def measure_study(store: Path, patient: str, study: str, known: str) -> Measured:
    """Measure every clip of a study, one slice in memory at a time.

    Args:
        store: the store.
        patient: key.
        study: key.
        known: hash of the pixels that were measured before; if the file still has it, nothing is done.

    Raises:
        Exception: whatever h5py, numpy and the store's reader raise for a damaged or crafted file.
    """
    sha256, _ = read_hashes(store, patient, study)
    if known and known == sha256:
        return Measured((), is_known=True)
    header = read_study(store, patient, study, with_pixels=False)
    clips = []
    with open_study(store, patient, study) as file:
        for view, stack in header.views.items():
            n_slices, _, rows, cols = stack.pixels.shape
            if n_slices == 0 or file[view.value].nbytes // n_slices > _MAX_CINE:
                raise PreprocessError(f"{view.value} has an absurd size")
            window = shown_window(file[view.value])
            distances, shifts = slice_distances(stack)
            for index in range(n_slices):
                cine = read_clip(file, view.value, index)
                times = stack.trigger_time[index, : len(cine)]
                names = (study, patient, sha256, header.info.vendor, view.value)
                sizes = (index, n_slices, len(cine), rows, cols)
                lengths = (*stack.pixel_spacing, stack.slice_thickness, float(distances[index]), float(shifts[index]))
                measures = (pixel_measures(cine, window), time_measures(times))
                clips.append(ClipMeasures(*names, *sizes, *lengths, "", *measures))
    return Measured(tuple(clips)) if clips else unreadable(patient, study, "holds no view")
