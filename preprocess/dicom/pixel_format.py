"""The pixels of a DICOM file as bytes of single frames, and how their numbers are to be read."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames

from preprocess.dicom.elements import raw, short, text
from preprocess.errors import PreprocessError

__all__ = ["PixelFormat", "frame_bytes", "pixel_format"]

_LITTLE_ENDIAN = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1")
_BIG_ENDIAN = "1.2.840.10008.1.2.2"
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
    if element is None or not element.value or not isinstance(element.value, bytes):
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
    element: Any = raw(dataset, "PixelPaddingValue")
    value, padding = getattr(element, "value", None), None
    if isinstance(value, bytes) and len(value) == 2:
        padding = int.from_bytes(value, "little" if element.is_little_endian else "big", signed=signed)
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
        padding=padding,
    )
