"""One DICOM file to the few values that the conversion needs; pixels are decoded later and only where stored."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

import numpy as np
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames

from preprocess.codestream import MAX_SIDE
from preprocess.elements import MALFORMED, number, numbers, parse, raw, short, text
from preprocess.errors import PreprocessError
from preprocess.geometry import is_plane

__all__ = [
    "FLOW",
    "MAX_FRAMES",
    "Component",
    "Image",
    "PixelFormat",
    "acquisition_stamp",
    "common",
    "component_of",
    "flow_or_part",
    "frame_bytes",
    "image_type",
    "matrix",
    "pixel_format",
    "read_images",
]

MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"
ENHANCED_MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4.1"
LEGACY_ENHANCED_MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4.4"
MAX_FRAMES = 10_000  # frames of a file; a cine stack of today has fewer than 1000
FLOW = "phase contrast (flow)"
Component = Literal["magnitude", "phase", "part"]
_LITTLE_ENDIAN = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1")
_BIG_ENDIAN = "1.2.840.10008.1.2.2"
_PHASE_WORDS = {"P", "PHASE", "PHASE MAP", "VELOCITY", "VELOCITY MAP", "FLOW_ENCODED"}
_FLOW_WORDS = {"M_PCA", "PCA", "PHASE CONTRAST", "PHASE_CONTRAST", "PHASE CONTRAST M", "MAG_PCA"}
_PART_WORDS = {"R", "I", "R_FFE", "I_FFE", "REAL", "IMAGINARY"}
_STEEPEST = 1e6  # of a rescale slope or its inverse


@dataclass(frozen=True)
class PixelFormat:
    """How stored numbers become scanner values.

    Attributes:
        data: the bytes of one frame: little-endian numbers, or a codestream.
        syntax: UID of the transfer syntax of a codestream; empty for numbers.
        bits_allocated: 8 or 16.
        bits_stored: number of bits that mean something; others may hold an overlay.
        high_bit: the most significant of them, from 0.
        signed: two's complement.
        inverted: MONOCHROME1, small numbers are bright.
        slope: rescale slope.
        intercept: rescale intercept.
        padding: stored number of pixels outside of the image, where there are some.
    """

    data: bytes
    syntax: str
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    inverted: bool
    slope: float
    intercept: float
    padding: int | None = None


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
    try:
        sop_class = text(dataset, "SOPClassUID")
        if sop_class in (ENHANCED_MR_IMAGE, LEGACY_ENHANCED_MR_IMAGE):
            from preprocess.enhanced import read_enhanced  # which builds on this module

            return read_enhanced(dataset)
        if sop_class == MR_IMAGE:
            return [_image(dataset)]
    except MALFORMED as error:
        raise PreprocessError("damaged DICOM file (a needed value cannot be read)") from error
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
    percent = number(dataset, "NominalPercentageOfCardiacPhase")
    trigger_time = number(dataset, "TriggerTime")
    if math.isnan(trigger_time):
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


def image_type(value: str) -> tuple[str, ...]:
    """The parts of an ImageType or FrameType, in capitals."""
    return tuple(part.strip() for part in value.upper().split("\\"))


def component_of(words: tuple[str, ...]) -> Component:
    """What part of the complex signal an image type names; the magnitude if it says nothing."""
    if any(word in _PHASE_WORDS for word in words):
        return "phase"
    return "part" if any(word in _PART_WORDS for word in words[2:]) else "magnitude"


def _flaw(dataset: Dataset) -> str:
    if short(dataset, "SamplesPerPixel", 1) != 1:
        return "colour image (a screenshot or overlay)"
    if text(dataset, "BurnedInAnnotation").upper() == "YES":
        return "annotation burned into the pixels"
    bits = short(dataset, "BitsAllocated", 16)
    return "" if bits in (8, 16) else f"pixels of {bits} bits (8 and 16 are read)"


def _flow_or_part(dataset: Dataset, words: tuple[str, ...]) -> str:
    return flow_or_part(words, text(dataset, "PhaseContrast"), text(dataset, "ComplexImageComponent"))


def flow_or_part(words: tuple[str, ...], phase_contrast: str, component: str) -> str:
    """Why an image is no cine by its kind of signal; empty where it may be one.

    Args:
        words: of the image type.
        phase_contrast: `YES` where flow was encoded, also for the magnitude.
        component: MAGNITUDE, PHASE, REAL, IMAGINARY or MIXED.
    """
    is_flow = phase_contrast.upper() == "YES" or component.upper() == "PHASE" or not _FLOW_WORDS.isdisjoint(words)
    if is_flow or component_of(words) == "phase":
        return f"image type: {FLOW}"
    is_part = component.upper() in ("REAL", "IMAGINARY") or component_of(words) == "part"
    return "image type: real or imaginary part" if is_part else ""


def acquisition_stamp(dataset: Dataset) -> str:
    """When it was scanned, for "the latest of several" only: date and time as sortable text."""
    stamp = text(dataset, "AcquisitionDateTime")
    if stamp:
        return stamp
    return (text(dataset, "AcquisitionDate") or text(dataset, "StudyDate")) + (
        text(dataset, "AcquisitionTime") or text(dataset, "SeriesTime")
    )


def frame_bytes(dataset: Dataset, n_frames: int, n_pixels: int) -> tuple[list[bytes], str]:
    """The pixels of each frame, and the transfer syntax of their codestreams (empty: little-endian numbers).

    Args:
        dataset: parsed file.
        n_frames: frames that the header states.
        n_pixels: pixels of one frame.

    Raises:
        PreprocessError: there are none, or fewer than the header says.
    """
    element: Any = raw(dataset, "PixelData")
    if element is None or not element.value:
        raise PreprocessError("image without pixels (cut off or removed)")
    syntax = str(dataset.file_meta.get("TransferSyntaxUID", _LITTLE_ENDIAN[0]))
    value: bytes = element.value
    if syntax not in (*_LITTLE_ENDIAN, _BIG_ENDIAN):
        frames = list(islice(generate_frames(value, number_of_frames=n_frames), n_frames))
        if len(frames) < n_frames:
            raise PreprocessError("truncated DICOM file (fewer frames than its header says)")
        return frames, syntax
    size = n_pixels * short(dataset, "SamplesPerPixel", 1) * short(dataset, "BitsAllocated", 16) // 8
    if len(value) < size * n_frames:
        raise PreprocessError("truncated DICOM file (fewer pixels than its header says)")
    if syntax == _BIG_ENDIAN and element.VR == "OW":
        value = np.frombuffer(value, "<u2", len(value) // 2).byteswap().tobytes() + value[len(value) & ~1 :]
    return [value[index * size : (index + 1) * size] for index in range(n_frames)], ""


def pixel_format(dataset: Dataset, frame: tuple[bytes, str], slope: float, intercept: float) -> PixelFormat:
    """How the numbers of a frame are to be read.

    Args:
        dataset: parsed file.
        frame: its bytes and their transfer syntax, as from `frame_bytes`.
        slope: rescale slope.
        intercept: rescale intercept.

    Raises:
        PreprocessError: a rescale factor beyond reason.
    """
    if not 1.0 / _STEEPEST <= abs(slope) <= _STEEPEST or not abs(intercept) <= 1e9:
        raise PreprocessError("image with a rescale slope or intercept beyond reason")
    bits = short(dataset, "BitsAllocated", 16)
    stored = short(dataset, "BitsStored", bits)
    stored = stored if 1 <= stored <= bits else bits
    high = short(dataset, "HighBit", stored - 1)
    signed = short(dataset, "PixelRepresentation") == 1
    return PixelFormat(
        data=frame[0],
        syntax=frame[1],
        bits_allocated=bits,
        bits_stored=stored,
        high_bit=high if stored - 1 <= high < bits else stored - 1,
        signed=signed,
        inverted=text(dataset, "PhotometricInterpretation") == "MONOCHROME1",
        slope=slope,
        intercept=intercept,
        padding=_padding(dataset, signed),
    )


def _padding(dataset: Dataset, signed: bool) -> int | None:
    element: Any = raw(dataset, "PixelPaddingValue")
    value = getattr(element, "value", None)
    if not isinstance(value, bytes) or len(value) != 2:
        return None
    return int.from_bytes(value, "little" if element.is_little_endian else "big", signed=signed)
