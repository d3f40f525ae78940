"""A frame as the conversion needs it, and what classic and Enhanced MR files hold in the same place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydicom.dataset import Dataset

from preprocess.dicom.codestream import MAX_SIDE
from preprocess.dicom.elements import number, short, text
from preprocess.dicom.image_kind import image_type
from preprocess.dicom.pixel_format import PixelFormat
from preprocess.errors import PreprocessError

__all__ = ["MAX_FRAMES", "Frame", "acquisition_stamp", "common", "matrix"]

MAX_FRAMES = 10_000  # frames of a file; a cine stack of today has fewer than 1000


@dataclass(frozen=True)
class Frame:
    """One frame of an MR series: identifiers (never to leave the worker), order, geometry (mm, LPS) and pixels.

    `trigger_time` is in ms, `phase_percent` is the share of the heart beat; unknown numbers are NaN, unknown counts 0.
    `flaw` says why it can be no cine.
    """

    patient_id: str
    study_id: str
    series_uid: str
    instance_uid: str
    description: str
    acquired: str
    image_type: tuple[str, ...]
    sequence_name: str
    instance_number: int
    acquisition_number: int
    temporal_index: int
    trigger_time: float
    phase_percent: float
    phases: int
    rows: int
    cols: int
    spacing: tuple[float, float]
    thickness: float
    orientation: tuple[float, ...]
    position: tuple[float, ...]
    flaw: str
    facts: tuple[str, str, str, str, str, str, str]
    pixels: PixelFormat


def matrix(dataset: Dataset) -> tuple[int, int]:
    """Rows and columns.

    Raises:
        PreprocessError: none, or more than any scanner makes.
    """
    rows, cols = short(dataset, "Rows"), short(dataset, "Columns")
    if not rows * cols:
        raise PreprocessError("image without geometry (position, orientation, spacing or size is missing)")
    if max(rows, cols) > MAX_SIDE:
        raise PreprocessError(f"image of more than {MAX_SIDE} × {MAX_SIDE} pixels (refused)")
    return rows, cols


def common(dataset: Dataset) -> dict[str, Any]:
    """What classic and Enhanced files hold in the same place, as arguments of `Frame`."""
    flaw = ""
    if short(dataset, "SamplesPerPixel", 1) != 1:
        flaw = "colour image (a screenshot or overlay)"
    elif text(dataset, "BurnedInAnnotation").upper() == "YES":
        flaw = "annotation burned into the pixels"
    elif (bits := short(dataset, "BitsAllocated", 16)) not in (8, 16):
        flaw = f"pixels of {bits} bits (8 and 16 are read)"
    return {
        "patient_id": text(dataset, "PatientID"),
        "study_id": text(dataset, "AccessionNumber") or text(dataset, "StudyInstanceUID"),
        "series_uid": text(dataset, "SeriesInstanceUID"),
        "instance_uid": text(dataset, "SOPInstanceUID"),
        "description": text(dataset, "SeriesDescription") or text(dataset, "ProtocolName"),
        "image_type": image_type(text(dataset, "ImageType")),
        "sequence_name": text(dataset, "SequenceName"),
        "acquisition_number": int(number(dataset, "AcquisitionNumber", 0)),
        "phases": int(number(dataset, "CardiacNumberOfImages", 0)),
        "flaw": flaw,
        "facts": (
            text(dataset, "Manufacturer"),
            text(dataset, "ManufacturerModelName"),
            text(dataset, "MagneticFieldStrength"),
            text(dataset, "PatientSex"),
            text(dataset, "PatientAge"),
            text(dataset, "PatientBirthDate"),
            text(dataset, "StudyDate") or text(dataset, "AcquisitionDate"),
        ),
    }


def acquisition_stamp(dataset: Dataset) -> str:
    """When it was scanned, for "the latest of several" only: date and time as sortable text."""
    stamp = text(dataset, "AcquisitionDateTime")
    if stamp:
        return stamp
    return (text(dataset, "AcquisitionDate") or text(dataset, "StudyDate")) + (
        text(dataset, "AcquisitionTime") or text(dataset, "SeriesTime")
    )
