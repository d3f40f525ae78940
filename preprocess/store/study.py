"""A study as values: one stack of cines per view, and the technical facts that may leave the hospital."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from preprocess.store.views import View

__all__ = ["CineStack", "Study", "StudyInfo"]


@dataclass(frozen=True)
class CineStack:
    """One view of a study.

    Attributes:
        pixels: uint8 or uint16 `[slice, frame, row, col]`; frames past `n_frames` are zero.
        n_frames: `[slice]`, true number of frames of each slice.
        pixel_spacing: (row, column) distance in mm.
        slice_thickness: mm.
        image_orientation: `[6]`, direction cosines of a row and of a column (DICOM, LPS).
        image_position: `[slice, 3]`, centre of the first pixel in mm (LPS).
        trigger_time: `[slice, frame]` in ms; NaN where unknown or padded.
        intensity_window: scanner values that became 0 and the largest stored value.
        intensity_percentiles: of all pixels of the stack, between which the window was laid; None where it was not.
    """

    pixels: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
    n_frames: npt.NDArray[np.int32]
    pixel_spacing: tuple[float, float]
    slice_thickness: float
    image_orientation: npt.NDArray[np.float64]
    image_position: npt.NDArray[np.float64]
    trigger_time: npt.NDArray[np.float64]
    intensity_window: tuple[float, float]
    intensity_percentiles: tuple[float, float] | None = None


@dataclass(frozen=True)
class StudyInfo:
    """What is known of a study beside its pixels; unknown values are empty or NaN.

    Attributes:
        vendor: manufacturer, one of a closed vocabulary.
        model: scanner model.
        field_strength: T.
        sex: `F`, `M`, `O` or empty.
        age: years; 90 stands for everything above 89.
    """

    vendor: str = ""
    model: str = ""
    field_strength: float = float("nan")
    sex: str = ""
    age: float = float("nan")


@dataclass(frozen=True)
class Study:
    """A study as stored: hashed keys, technical facts and one stack per view."""

    patient: str
    study: str
    views: Mapping[View, CineStack]
    info: StudyInfo = field(default_factory=StudyInfo)
