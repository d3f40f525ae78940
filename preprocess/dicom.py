"""One DICOM file to the few values that the conversion needs; pixels are decoded later and only where stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydicom.dataset import Dataset

from preprocess.elements import MALFORMED, number, numbers, parse, raw, short, text
from preprocess.errors import PreprocessError
from preprocess.geometry import is_plane

__all__ = ["Image", "PixelFormat", "acquisition_stamp", "common", "plain_pixels", "read_images"]

MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"
ENHANCED_MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4.1"
_UNCOMPRESSED = {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1"}


@dataclass(frozen=True)
class PixelFormat:
    """How stored numbers become scanner values.

    Attributes:
        data: the bytes of one uncompressed frame, or the whole file where `frame` is not None.
        frame: index to decode from the file with pydicom; None where `data` is the frame itself.
        bits_allocated: 8 or 16 (uncompressed frames).
        bits_stored: number of bits that mean something.
        signed: two's complement.
        inverted: MONOCHROME1, small numbers are bright.
        slope: rescale slope.
        intercept: rescale intercept.
    """

    data: bytes
    frame: int | None
    bits_allocated: int
    bits_stored: int
    signed: bool
    inverted: bool
    slope: float
    intercept: float


@dataclass(frozen=True)
class Image:
    """One frame of an MR series: identifiers (never to leave the worker), order, geometry (mm, LPS) and pixels.

    `trigger_time` is in ms; unknown numbers are NaN, unknown counts 0. `flaw` says why it can be no cine.
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
    sop_class = text(dataset, "SOPClassUID")
    if sop_class not in (MR_IMAGE, ENHANCED_MR_IMAGE):
        raise PreprocessError("not an MR image")
    try:
        if sop_class == ENHANCED_MR_IMAGE:
            from preprocess.enhanced import read_enhanced  # which builds on this module

            return read_enhanced(dataset, data)
        return [_image(dataset, data)]
    except MALFORMED as error:
        raise PreprocessError("damaged DICOM file (a needed value cannot be read)") from error


def _image(dataset: Dataset, data: bytes) -> Image:
    if int(number(dataset, "NumberOfFrames", 1)) > 1:
        raise PreprocessError("multi-frame file that is not Enhanced MR")
    rows, cols = short(dataset, "Rows"), short(dataset, "Columns")
    spacing, orientation = numbers(dataset, "PixelSpacing"), numbers(dataset, "ImageOrientationPatient")
    position = numbers(dataset, "ImagePositionPatient")
    if not is_plane(orientation, spacing) or len(position) != 3 or not rows * cols:
        raise PreprocessError("image without geometry (position, orientation, spacing or size is missing)")
    return Image(
        **common(dataset),
        acquired=acquisition_stamp(dataset),
        instance_number=int(number(dataset, "InstanceNumber", 0)),
        temporal_index=int(number(dataset, "TemporalPositionIdentifier", 0)),
        trigger_time=number(dataset, "TriggerTime"),
        rows=rows,
        cols=cols,
        spacing=(spacing[0], spacing[1]),
        thickness=number(dataset, "SliceThickness"),
        orientation=orientation,
        position=position,
        pixels=_pixel_format(dataset, data, rows * cols),
    )


def common(dataset: Dataset) -> dict[str, Any]:
    """What classic and Enhanced files hold in the same place, as arguments of `Image`."""
    return {
        "patient_id": text(dataset, "PatientID"),
        "study_id": text(dataset, "AccessionNumber") or text(dataset, "StudyInstanceUID"),
        "series_uid": text(dataset, "SeriesInstanceUID"),
        "instance_uid": text(dataset, "SOPInstanceUID"),
        "description": text(dataset, "SeriesDescription") or text(dataset, "ProtocolName"),
        "image_type": tuple(text(dataset, "ImageType").upper().split("\\")),
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
    return ""


def acquisition_stamp(dataset: Dataset) -> str:
    """When it was scanned, for "the latest of several" only: date and time as sortable text."""
    stamp = text(dataset, "AcquisitionDateTime")
    if stamp:
        return stamp
    return (text(dataset, "AcquisitionDate") or text(dataset, "StudyDate")) + (
        text(dataset, "AcquisitionTime") or text(dataset, "SeriesTime")
    )


def plain_pixels(dataset: Dataset, n_pixels: int) -> bytes:
    """The pixel bytes if they are uncompressed; empty if a plug-in has to decode them.

    Args:
        dataset: parsed file.
        n_pixels: pixels of all frames.

    Raises:
        PreprocessError: there are none, or fewer than the header says.
    """
    bits = short(dataset, "BitsAllocated", 16)
    element: Any = raw(dataset, "PixelData")
    if element is None or not element.value:
        raise PreprocessError("image without pixels (cut off or removed)")
    if dataset.file_meta.get("TransferSyntaxUID", "1.2.840.10008.1.2") not in _UNCOMPRESSED or bits not in (8, 16):
        return b""
    expected = n_pixels * short(dataset, "SamplesPerPixel", 1) * bits // 8
    if len(element.value) < expected:
        raise PreprocessError("truncated DICOM file (fewer pixels than its header says)")
    value: bytes = element.value[:expected]
    return value


def _pixel_format(dataset: Dataset, data: bytes, size: int) -> PixelFormat:
    bits = short(dataset, "BitsAllocated", 16)
    plain = plain_pixels(dataset, size)
    return PixelFormat(
        data=plain or data,
        frame=None if plain else 0,
        bits_allocated=bits,
        bits_stored=short(dataset, "BitsStored", bits),
        signed=short(dataset, "PixelRepresentation") == 1,
        inverted=text(dataset, "PhotometricInterpretation") == "MONOCHROME1",
        slope=number(dataset, "RescaleSlope", 1.0) or 1.0,
        intercept=number(dataset, "RescaleIntercept", 0.0),
    )
