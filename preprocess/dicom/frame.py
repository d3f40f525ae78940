"""One DICOM file to the few values that the conversion needs; pixels are decoded later and only where stored."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from pydicom.dataset import Dataset

from preprocess.dicom.codestream import MAX_SIDE
from preprocess.dicom.elements import UNREADABLE, double, number, numbers, parse, short, text
from preprocess.dicom.image_kind import flow_or_part, image_type
from preprocess.dicom.malformed import reading_dicom
from preprocess.dicom.pixel_format import PixelFormat, frame_bytes, pixel_format
from preprocess.errors import PreprocessError
from preprocess.geometry import is_plane

__all__ = ["MAX_FRAMES", "Image", "acquisition_stamp", "common", "matrix", "read_images"]

MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"
ENHANCED_MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4.1"
LEGACY_ENHANCED_MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4.4"
MAX_FRAMES = 10_000  # frames of a file; a cine stack of today has fewer than 1000


@dataclass(frozen=True)
class Image:
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


def read_images(data: bytes) -> list[Image]:
    """The frames of a file: one for classic MR, many for Enhanced MR.

    Raises:
        PreprocessError: not DICOM, not an MR image, or damaged; the reason names no value of the file.
    """
    dataset = parse(data)
    with reading_dicom(UNREADABLE):
        sop_class = text(dataset, "SOPClassUID")
        if sop_class in (ENHANCED_MR_IMAGE, LEGACY_ENHANCED_MR_IMAGE):
            from preprocess.dicom.enhanced import read_enhanced

            return read_enhanced(dataset)
        if sop_class == MR_IMAGE:
            return [_image(dataset)]
    raise PreprocessError("not an MR image")


def _image(dataset: Dataset) -> Image:
    if int(number(dataset, "NumberOfFrames", 1)) > 1:
        raise PreprocessError("multi-frame file that is not Enhanced MR")
    rows, cols = matrix(dataset)
    spacing, orientation = numbers(dataset, "PixelSpacing"), numbers(dataset, "ImageOrientationPatient")
    position = numbers(dataset, "ImagePositionPatient")
    if not is_plane(orientation, spacing) or len(position) != 3:
        raise PreprocessError("image without geometry (position, orientation, spacing or size is missing)")
    values = common(dataset)
    values["flaw"] = values["flaw"] or _flow_or_part(dataset, values["image_type"])
    (frame,), syntax = frame_bytes(dataset, 1, rows * cols)
    trigger_time, percent = number(dataset, "TriggerTime"), math.nan
    if math.isnan(trigger_time):  # rare
        percent = double(dataset, "NominalPercentageOfCardiacPhase")
        trigger_time = percent / 100.0 * (number(dataset, "NominalInterval") or math.nan)
    return Image(
        **values,
        acquired=acquisition_stamp(dataset),
        instance_number=int(number(dataset, "InstanceNumber", 0)),
        temporal_index=int(number(dataset, "TemporalPositionIdentifier", 0)),
        trigger_time=trigger_time,
        phase_percent=percent,
        rows=rows,
        cols=cols,
        spacing=(spacing[0], spacing[1]),
        thickness=number(dataset, "SliceThickness"),
        orientation=orientation,
        position=position,
        pixels=pixel_format(
            dataset,
            (frame, syntax),
            number(dataset, "RescaleSlope", 1.0) or 1.0,
            number(dataset, "RescaleIntercept", 0.0),
        ),
    )


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
    """What classic and Enhanced files hold in the same place, as arguments of `Image`."""
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
        "flaw": _flaw(dataset),
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


def _flaw(dataset: Dataset) -> str:
    if short(dataset, "SamplesPerPixel", 1) != 1:
        return "colour image (a screenshot or overlay)"
    if text(dataset, "BurnedInAnnotation").upper() == "YES":
        return "annotation burned into the pixels"
    bits = short(dataset, "BitsAllocated", 16)
    return "" if bits in (8, 16) else f"pixels of {bits} bits (8 and 16 are read)"


def _flow_or_part(dataset: Dataset, words: tuple[str, ...]) -> str:
    return flow_or_part(words, text(dataset, "PhaseContrast"), text(dataset, "ComplexImageComponent"))


def acquisition_stamp(dataset: Dataset) -> str:
    """When it was scanned, for "the latest of several" only: date and time as sortable text."""
    stamp = text(dataset, "AcquisitionDateTime")
    if stamp:
        return stamp
    return (text(dataset, "AcquisitionDate") or text(dataset, "StudyDate")) + (
        text(dataset, "AcquisitionTime") or text(dataset, "SeriesTime")
    )
