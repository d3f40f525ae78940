"""Stored numbers to a stack of cines: decoding, rescale, MONOCHROME1 and one robust intensity window."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydicom.pixels.utils import pixel_array

from preprocess.dicom import Image, PixelFormat
from preprocess.elements import MALFORMED
from preprocess.errors import PreprocessError
from preprocess.series import Acquisition

__all__ = ["PERCENTILES", "Bits", "decode", "stack_pixels"]

Bits = Literal[8, 16]
PERCENTILES = (0.1, 99.9)  # of all pixels of a stack: become 0 and 255


def decode(image: Image) -> npt.NDArray[np.int32]:
    """The stored numbers of a frame, `[row, col]`, before rescale; MONOCHROME1 is turned so that large is bright.

    Raises:
        PreprocessError: damaged, or compressed in a way that no installed plug-in decodes.
    """
    form = image.pixels
    if form.frame is None:
        kind = f"<{'i' if form.signed else 'u'}{form.bits_allocated // 8}"
        stored = np.frombuffer(form.data, dtype=kind, count=image.rows * image.cols)
        array = stored.reshape(image.rows, image.cols).astype(np.int32)
    else:
        array = _decode_file(form, form.frame, (image.rows, image.cols))
    if form.inverted:
        top = (1 << (form.bits_stored - 1)) - 1 if form.signed else (1 << form.bits_stored) - 1
        array = (-1 if form.signed else top) - array
    return array


def _decode_file(form: PixelFormat, frame: int, shape: tuple[int, int]) -> npt.NDArray[np.int32]:
    try:
        array = pixel_array(io.BytesIO(form.data), index=frame)
    except MALFORMED as error:
        raise PreprocessError("pixels cannot be decoded (damaged, or a plug-in is missing)") from error
    except RuntimeError as error:  # what pydicom raises where no plug-in could decode
        raise PreprocessError("pixels cannot be decoded (damaged, or a plug-in is missing)") from error
    if array.shape != shape:
        raise PreprocessError("pixels do not have the size that the header says")
    return array.astype(np.int32)


def stack_pixels(
    slices: Sequence[Acquisition], bits: Bits
) -> tuple[npt.NDArray[np.uint8] | npt.NDArray[np.uint16], tuple[float, float]]:
    """Decode slices into `[slice, frame, row, col]`, zero after the last frame of a shorter slice.

    Args:
        slices: cines of equal matrix.
        bits: 8 maps the window between `PERCENTILES` to 0–255; 16 keeps the scanner's stored values.

    Returns:
        The pixels, and the rescaled scanner values that became 0 and the largest storable value.
    """
    form = slices[0].images[0].pixels
    slope, intercept = form.slope, form.intercept
    frames = [[decode(image) for image in one.images] for one in slices]
    scales = {(image.pixels.slope, image.pixels.intercept) for one in slices for image in one.images}
    if len(scales) > 1:
        frames, slope, intercept = _common_scale(slices, frames)
    return _to_bytes(frames, slope, intercept) if bits == 8 else _to_words(frames, slope, intercept)


def _common_scale(
    slices: Sequence[Acquisition], frames: list[list[npt.NDArray[np.int32]]]
) -> tuple[list[list[npt.NDArray[np.int32]]], float, float]:
    """Bring frames with different rescale factors to integers of the finest slope, intercept 0."""
    slope = min(abs(image.pixels.slope) for one in slices for image in one.images)
    largest = max(
        float(np.abs(array).max()) * abs(image.pixels.slope) + abs(image.pixels.intercept)
        for one, arrays in zip(slices, frames, strict=True)
        for image, array in zip(one.images, arrays, strict=True)
    )
    slope = max(slope, largest / 60_000)
    scaled = [
        [
            np.rint((array * image.pixels.slope + image.pixels.intercept) / slope).astype(np.int32)
            for image, array in zip(one.images, arrays, strict=True)
        ]
        for one, arrays in zip(slices, frames, strict=True)
    ]
    return scaled, slope, 0.0


def _fill(frames: list[list[npt.NDArray[np.int32]]], kind: type[Any], table: npt.NDArray[Any], low: int) -> Any:
    shape = (len(frames), max(map(len, frames)), *frames[0][0].shape)
    out = np.zeros(shape, dtype=kind)
    for index, arrays in enumerate(frames):
        for frame, array in enumerate(arrays):
            np.take(table, array - low, out=out[index, frame], mode="clip")
    return out


def _bounds(frames: list[list[npt.NDArray[np.int32]]]) -> tuple[int, int]:
    low = min(int(array.min()) for arrays in frames for array in arrays)
    high = max(int(array.max()) for arrays in frames for array in arrays)
    if high - low > 1 << 17:
        raise PreprocessError("pixel values span more than 17 bits")
    return low, high


def _to_bytes(
    frames: list[list[npt.NDArray[np.int32]]], slope: float, intercept: float
) -> tuple[npt.NDArray[np.uint8], tuple[float, float]]:
    low, high = _bounds(frames)
    counts = np.zeros(high - low + 1, dtype=np.int64)
    for arrays in frames:
        for array in arrays:
            counts += np.bincount((array - low).ravel(), minlength=len(counts))
    share = np.cumsum(counts) / counts.sum() * 100.0
    bottom, top = (low + int(np.searchsorted(share, percent)) for percent in PERCENTILES)
    top = max(top, bottom + 1)
    values = np.arange(low, high + 1, dtype=np.float64)
    table = np.rint(np.clip((values - bottom) / (top - bottom), 0.0, 1.0) * 255.0)
    if slope < 0:
        table, bottom, top = 255.0 - table, top, bottom
    pixels = _fill(frames, np.uint8, table.astype(np.uint8), low)
    return pixels, (slope * bottom + intercept, slope * top + intercept)


def _to_words(
    frames: list[list[npt.NDArray[np.int32]]], slope: float, intercept: float
) -> tuple[npt.NDArray[np.uint16], tuple[float, float]]:
    low, high = _bounds(frames)
    offset = low if low < 0 or high > 65_535 else 0
    if high - offset > 65_535:
        raise PreprocessError("pixel values span more than 16 bits")
    table = (np.arange(low, high + 1) - offset).astype(np.uint16)
    pixels = _fill(frames, np.uint16, table, low)
    return pixels, (slope * offset + intercept, slope * (offset + 65_535) + intercept)
