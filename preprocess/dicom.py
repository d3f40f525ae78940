"""One DICOM file to the few values that the conversion needs; pixels are decoded later and only where stored.

Reading is the hot path of a conversion (hundreds of files a study), so plain values are taken from the raw
elements and only what is unusual goes through pydicom's conversion.
"""

from __future__ import annotations

import io
import logging
import math
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError

from preprocess.errors import PreprocessError

__all__ = [
    "MALFORMED",
    "Image",
    "PixelFormat",
    "acquisition_stamp",
    "common",
    "number",
    "numbers",
    "quiet_pydicom",
    "read_images",
    "study_uid_of",
    "text",
]

# What pydicom raises on broken input; a bug of our own (NameError, ImportError …) is not among them.
MALFORMED = (
    InvalidDicomError,
    BytesLengthException,
    EOFError,
    OSError,
    struct.error,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    NotImplementedError,
    OverflowError,
    RecursionError,
    MemoryError,
)
MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"
ENHANCED_MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4.1"
_UNCOMPRESSED = {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1"}
# fmt: off
_KEYWORDS = (
    "SpecificCharacterSet", "ImageType", "SOPClassUID", "SOPInstanceUID", "StudyDate", "AcquisitionDate",
    "AcquisitionTime", "AcquisitionDateTime", "ContentTime", "SeriesTime", "AccessionNumber", "Manufacturer",
    "ManufacturerModelName", "SeriesDescription", "PatientID", "PatientBirthDate", "PatientSex", "PatientAge",
    "SequenceName", "SliceThickness", "TriggerTime", "NominalInterval", "CardiacNumberOfImages",
    "MagneticFieldStrength", "ProtocolName", "StudyInstanceUID", "SeriesInstanceUID", "AcquisitionNumber",
    "InstanceNumber", "ImagePositionPatient", "ImageOrientationPatient", "TemporalPositionIdentifier",
    "TemporalPositionIndex", "SamplesPerPixel", "PhotometricInterpretation", "NumberOfFrames", "Rows", "Columns",
    "PixelSpacing", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "BurnedInAnnotation",
    "RescaleIntercept", "RescaleSlope", "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
    "PixelData",
)
# fmt: on
_TAGS = {keyword: pydicom.tag.Tag(tag_for_keyword(keyword) or 0) for keyword in _KEYWORDS}
_SPECIFIC = list(_TAGS.values())


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


@contextmanager
def quiet_pydicom() -> Iterator[None]:
    """Silence pydicom: it quotes offending values in warnings and log lines; those may be identifiers."""
    logger = logging.getLogger("pydicom")
    before = logger.disabled
    logger.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = before


def text(dataset: Dataset, keyword: str) -> str:
    """A value as text without surrounding blanks; empty where absent."""
    element: Any = dataset.get_item(_TAGS[keyword])
    if element is None:
        return ""
    value = element.value
    if isinstance(element, RawDataElement) and isinstance(value, bytes) and value.isascii():
        return value.decode("ascii").strip(" \0")
    value = dataset[_TAGS[keyword]].value
    if value is None:
        return ""
    return "\\".join(str(part) for part in value).strip() if _is_multi(value) else str(value).strip(" \0")


def _is_multi(value: Any) -> bool:
    return not isinstance(value, str | bytes) and hasattr(value, "__iter__")


def numbers(dataset: Dataset, keyword: str) -> tuple[float, ...]:
    """Finite numbers of a DS or IS element; empty where absent or not numbers."""
    parts = text(dataset, keyword).split("\\")
    try:
        values = tuple(float(part) for part in parts)
    except ValueError:
        return ()
    return values if all(math.isfinite(value) for value in values) else ()


def number(dataset: Dataset, keyword: str, default: float = math.nan) -> float:
    """The first number of an element."""
    values = numbers(dataset, keyword)
    return values[0] if values else default


def _short(dataset: Dataset, keyword: str, default: int = 0) -> int:
    element: Any = dataset.get_item(_TAGS[keyword])
    if isinstance(element, RawDataElement) and element.value is not None and len(element.value) == 2:
        return int.from_bytes(element.value, "little" if element.is_little_endian else "big")
    value = None if element is None else dataset[_TAGS[keyword]].value
    return default if value is None else int(value)


def read_images(data: bytes) -> list[Image]:
    """The frames of a file: one for classic MR, many for Enhanced MR.

    Raises:
        PreprocessError: not DICOM, not an MR image, or damaged; the reason names no value of the file.
    """
    dataset = _parse(data)
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


def _parse(data: bytes) -> Dataset:
    is_bare = data[:2] in (b"\x08\x00", b"\x02\x00")  # no preamble: the first group follows at once
    if data[128:132] != b"DICM" and not is_bare:
        raise PreprocessError("not a DICOM file")
    try:
        return pydicom.dcmread(io.BytesIO(data), force=is_bare, specific_tags=_SPECIFIC)
    except MALFORMED as error:
        raise PreprocessError("damaged DICOM file (its structure cannot be read)") from error


def _image(dataset: Dataset, data: bytes) -> Image:
    if int(number(dataset, "NumberOfFrames", 1)) > 1:
        raise PreprocessError("multi-frame file that is not Enhanced MR")
    rows, cols = _short(dataset, "Rows"), _short(dataset, "Columns")
    spacing, orientation = numbers(dataset, "PixelSpacing"), numbers(dataset, "ImageOrientationPatient")
    position = numbers(dataset, "ImagePositionPatient")
    if len(spacing) != 2 or len(orientation) != 6 or len(position) != 3 or not rows * cols:
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
    if _short(dataset, "SamplesPerPixel", 1) != 1:
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


def _pixel_format(dataset: Dataset, data: bytes, size: int) -> PixelFormat:
    bits = _short(dataset, "BitsAllocated", 16)
    element: Any = dataset.get_item(_TAGS["PixelData"])
    if element is None or not element.value:
        raise PreprocessError("image without pixels (cut off or removed)")
    is_plain = dataset.file_meta.get("TransferSyntaxUID", "1.2.840.10008.1.2") in _UNCOMPRESSED and bits in (8, 16)
    samples = _short(dataset, "SamplesPerPixel", 1)
    if is_plain and len(element.value) < size * samples * bits // 8:
        raise PreprocessError("truncated DICOM file (fewer pixels than its header says)")
    return PixelFormat(
        data=element.value if is_plain else data,
        frame=None if is_plain else 0,
        bits_allocated=bits,
        bits_stored=_short(dataset, "BitsStored", bits),
        signed=_short(dataset, "PixelRepresentation") == 1,
        inverted=text(dataset, "PhotometricInterpretation") == "MONOCHROME1",
        slope=number(dataset, "RescaleSlope", 1.0) or 1.0,
        intercept=number(dataset, "RescaleIntercept", 0.0),
    )


def study_uid_of(path: Path) -> str:
    """StudyInstanceUID of a file; empty where it has none or cannot be read."""
    try:
        with quiet_pydicom():
            dataset = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=[_TAGS["StudyInstanceUID"]])
            return text(dataset, "StudyInstanceUID")
    except MALFORMED:
        return ""
