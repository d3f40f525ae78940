"""Values of a DICOM data set, read from its raw elements where they are plain.

This is the hot path of a conversion (hundreds of files a study): only what is unusual goes through pydicom's own
conversion.
"""

from __future__ import annotations

import io
import logging
import math
import zlib
from contextlib import AbstractContextManager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pydicom
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.sequence import Sequence

from preprocess.dicom.malformed import reading_dicom
from preprocess.errors import DamagedFileError, PreprocessError
from preprocess.system.quiet import quiet

__all__ = [
    "UNREADABLE",
    "as_number",
    "double",
    "items",
    "number",
    "numbers",
    "parse",
    "quiet_pydicom",
    "raw",
    "short",
    "study_uid_of",
    "text",
]

# fmt: off
_KEYWORDS = (
    "SpecificCharacterSet", "ImageType", "SOPClassUID", "SOPInstanceUID", "StudyDate", "AcquisitionDate",
    "AcquisitionTime", "AcquisitionDateTime", "ContentTime", "SeriesTime", "AccessionNumber", "Manufacturer",
    "ManufacturerModelName", "SeriesDescription", "PatientID", "PatientBirthDate", "PatientSex", "PatientAge",
    "SequenceName", "SliceThickness", "TriggerTime", "NominalInterval", "CardiacNumberOfImages",
    "MagneticFieldStrength", "ProtocolName", "StudyInstanceUID", "SeriesInstanceUID", "AcquisitionNumber",
    "InstanceNumber", "ImagePositionPatient", "ImageOrientationPatient", "TemporalPositionIdentifier",
    "TemporalPositionIndex", "SamplesPerPixel", "PhotometricInterpretation", "NumberOfFrames", "Rows", "Columns",
    "PixelSpacing", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PixelPaddingValue",
    "BurnedInAnnotation", "RescaleIntercept", "RescaleSlope", "PhaseContrast", "ComplexImageComponent",
    "NominalPercentageOfCardiacPhase", "DimensionIndexSequence", "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence", "PixelData",
)
# fmt: on
_BROKEN = "damaged DICOM file (its structure cannot be read)"
UNREADABLE = "damaged DICOM file (a needed value cannot be read)"
_DEFLATED = "1.2.840.10008.1.2.1.99"
_EXPLICIT = "1.2.840.10008.1.2.1"
_INFLATED_RATIO, _INFLATED_FLOOR, _INFLATED_MOST = 60, 64 << 20, 2 << 30  # bytes, as for archives
_HEAD = 1 << 20  # bytes of a file among which its study's identifier is
_PIXEL_DATA = b"\xe0\x7f\x10\x00"
_CHARACTER_SET = (b"\x08\x00\x05\x00", b"\x00\x08\x00\x05")  # its tag, little and big-endian
_TAGS = {keyword: pydicom.tag.Tag(tag_for_keyword(keyword) or 0) for keyword in _KEYWORDS}
_SPECIFIC = list(_TAGS.values())


def quiet_pydicom() -> AbstractContextManager[None]:
    """Silence pydicom: it quotes offending values in warnings and log lines; those may be identifiers."""
    return quiet(("pydicom", "pylibjpeg", "openjpeg", "libjpeg"), logging.CRITICAL + 1)


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
    is_multi = not isinstance(value, str | bytes) and hasattr(value, "__iter__")
    return "\\".join(str(part) for part in value).strip() if is_multi else str(value).strip(" \0")


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


def double(dataset: Dataset, keyword: str) -> float:
    """A binary floating-point value (FD); NaN where absent or not finite.

    Raises:
        DamagedFileError: it is no number.
    """
    value = dataset.get(keyword)
    found = math.nan if value is None else as_number(value)
    return found if math.isfinite(found) else math.nan


def short(dataset: Dataset, keyword: str, default: int = 0) -> int:
    """An unsigned 16-bit value (US).

    Raises:
        DamagedFileError: it is no number.
    """
    element: Any = dataset.get_item(_TAGS[keyword])
    if isinstance(element, RawDataElement) and element.value is not None and len(element.value) == 2:
        return int.from_bytes(element.value, "little" if element.is_little_endian else "big")
    value = None if element is None else dataset[_TAGS[keyword]].value
    return default if value is None else int(as_number(value))


def as_number(value: Any) -> float:
    """A value as pydicom gives it as a number, whatever type a damaged file states for it.

    Raises:
        DamagedFileError: it is a list, a sequence or text that is no number.
    """
    if isinstance(value, int | float | Decimal | str | bytes):
        try:
            return float(value)
        except (ValueError, OverflowError):
            pass
    raise DamagedFileError(UNREADABLE)


def items(dataset: Dataset, keyword: str) -> list[Dataset]:
    """The items of a sequence; none where it is absent, or where a damaged file states another type for it."""
    value = dataset.get(keyword)
    return [item for item in value if isinstance(item, Dataset)] if isinstance(value, Sequence) else []


def raw(dataset: Dataset, keyword: str) -> Any:
    """An element without conversion; None where absent."""
    return dataset.get_item(_TAGS[keyword])


def parse(data: bytes) -> Dataset:
    """The elements that a conversion needs.

    Raises:
        PreprocessError: not DICOM, or its structure is broken.
    """
    is_bare = data[:2] in (b"\x08\x00", b"\x02\x00")  # no preamble: the first group follows at once
    if data[128:132] != b"DICM" and not is_bare:
        raise PreprocessError("not a DICOM file")
    with reading_dicom(_BROKEN):
        if _DEFLATED.encode() in data:
            data = _inflated(data, 0 if is_bare else 132)
        if _has_no_character_set(data):
            raise DamagedFileError(_BROKEN)
        return pydicom.dcmread(io.BytesIO(data), force=is_bare, specific_tags=_SPECIFIC)


def _has_no_character_set(data: bytes) -> bool:
    """Whether SpecificCharacterSet before the pixels states another type than text: pydicom would look up a number."""
    end = data.find(_PIXEL_DATA)
    end = end if end >= 0 else len(data)
    for tag in _CHARACTER_SET:
        place = data.find(tag, 0, end)
        while place >= 0:
            stated = data[place + 4 : place + 6]
            if stated != b"CS" and stated.isalpha() and stated.isupper():
                return True
            place = data.find(tag, place + 1, end)
    return False


def _inflated(data: bytes, start: int) -> bytes:
    """The same file without the deflation of its transfer syntax; pydicom would inflate without a bound."""
    file = io.BytesIO(data)
    file.seek(start)
    meta = read_dataset(file, False, True, stop_when=lambda tag, vr, length: tag >> 16 != 2)
    if meta.get("TransferSyntaxUID") != _DEFLATED:
        return data
    body = file.tell()
    most = min(_INFLATED_MOST, max(_INFLATED_FLOOR, _INFLATED_RATIO * len(data)))
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    content = inflater.decompress(data[body:], most)
    if inflater.unconsumed_tail:
        raise PreprocessError("deflated DICOM file unpacks to far more than its size (refused)")
    same_length = _EXPLICIT.encode().ljust(len(_DEFLATED), b"\0")
    return data[:body].replace(_DEFLATED.encode(), same_length) + content


def study_uid_of(path: Path) -> str:
    """StudyInstanceUID of a file; empty where it has none or cannot be read."""
    try:
        with quiet_pydicom(), reading_dicom("damaged DICOM file"), path.open("rb") as file:
            head = file.read(_HEAD)
            if _DEFLATED.encode() in head:
                head = _inflated(head, 132 if head[128:132] == b"DICM" else 0)
            if _has_no_character_set(head):
                return ""
            wanted = [_TAGS["StudyInstanceUID"]]
            dataset = pydicom.dcmread(io.BytesIO(head), stop_before_pixels=True, specific_tags=wanted)
            return text(dataset, "StudyInstanceUID")
    except PreprocessError:
        return ""
