"""Stored numbers to a stack of cines: decoding, rescale, MONOCHROME1 and one robust intensity window."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from preprocess.cines.resampling import PixelGrid
from preprocess.cines.series import Acquisition
from preprocess.cines.windows import Pixels, from_zero, robust_window, whole_range
from preprocess.dicom.decoders import PixelLayout, decode_frame
from preprocess.dicom.frame import Frame
from preprocess.dicom.pixel_format import PixelFormat
from preprocess.errors import PreprocessError
from preprocess.store.intensity import PERCENTILES
from preprocess.store.study import CineStack

__all__ = [
    "PERCENTILES",
    "Bits",
    "PixelRules",
    "StackPixels",
    "cine_stack",
    "decode",
    "decode_slice",
    "make_stack",
    "regridded",
    "require_size",
    "stack_pixels",
]

Bits = Literal[8, 16]
_MOST_PIXELS = 1 << 28  # of a stack: 20 slices of 50 frames of 512 × 512; a header may claim anything
_SPACINGS = (0.2, 20.0)  # mm
_CROPS = (8, 4096)
_THICKEST = 100.0  # mm; other values of a header are place holders


@dataclass(frozen=True)
class PixelRules:
    """What becomes of pixels; by default they keep their size.

    Attributes:
        bits: 8 maps the window between `PERCENTILES` to 0–255; 16 keeps the scanner's stored values.
        spacing_mm: distance of pixels after resampling in the plane; None keeps the scanner's.
        crop: rows and columns cut out of the middle; zeros where the image is smaller; None keeps the size.

    Raises:
        PreprocessError: a value outside of its range.
    """

    bits: Bits = 8
    spacing_mm: float | None = None
    crop: int | None = None

    def __post_init__(self) -> None:
        for name, value, (low, high) in (("spacing", self.spacing_mm, _SPACINGS), ("crop", self.crop, _CROPS)):
            if value is not None and not low <= value <= high:
                raise PreprocessError(f"--{name} {value} is out of range", f"give {low:g} to {high:g}")


@dataclass(frozen=True)
class StackPixels:
    """A stack as it is stored.

    Attributes:
        pixels: `[slice, frame, row, col]`, zero after the last frame of a shorter slice.
        window: scanner values that became 0 and the largest storable value.
        grid: where these pixels lie on the scanner's.
    """

    pixels: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
    window: tuple[float, float]
    grid: PixelGrid


def decode(image: Frame) -> Pixels:
    """The stored numbers of a frame, `[row, col]`, before rescale; MONOCHROME1 is turned so that large is bright.

    Raises:
        PreprocessError: damaged, or compressed in a way that no installed library decodes.
    """
    form = image.pixels
    kind = np.dtype(f"<{'i' if form.signed else 'u'}{form.bits_allocated // 8}")
    if form.syntax:
        layout = PixelLayout(image.rows, image.cols, form.bits_allocated, form.bits_stored, form.signed)
        array = decode_frame(form.data, form.syntax, layout)
    else:
        array = np.frombuffer(form.data, dtype=kind, count=image.rows * image.cols).reshape(image.rows, image.cols)
    # Only the bits that hold the image: others may be an overlay, and signs may need to be carried on.
    bits = 8 * array.dtype.itemsize
    below = min(form.high_bit + 1, bits) - min(form.bits_stored, bits)
    above = bits - below - min(form.bits_stored, bits)
    if above or below:
        array = (array << above) >> (above + below)
    return _turned(array, form) if form.inverted else array


def _turned(array: Any, form: PixelFormat) -> Any:
    return ~array if form.signed else (1 << form.bits_stored) - 1 - array


def decode_slice(cine: Acquisition) -> list[Pixels]:
    """The frames of a slice, each `[row, col]`, see `decode`."""
    return [decode(image) for image in cine.images]


def stack_pixels(
    slices: Sequence[Acquisition], bits: Bits
) -> tuple[npt.NDArray[np.uint8] | npt.NDArray[np.uint16], tuple[float, float]]:
    """Decode slices of equal matrix into `[slice, frame, row, col]` in native size, and say which window was used."""
    stack = make_stack(slices, [decode_slice(cine) for cine in slices], PixelRules(bits))
    return stack.pixels, stack.window


def require_size(slices: Sequence[Acquisition], rules: PixelRules) -> None:
    """Refuse a stack that would need more memory than any cine, before a pixel is decoded.

    Raises:
        PreprocessError: too many pixels, as they are or as they would be.
    """
    first = slices[0].images[0]
    grid = PixelGrid.of((first.rows, first.cols), first.spacing, rules.spacing_mm, rules.crop)
    n_frames = len(slices) * max(len(cine.images) for cine in slices)
    for rows, cols in (grid.old, (grid.rows.size, grid.cols.size), grid.size):
        if n_frames * rows * cols > _MOST_PIXELS:
            raise PreprocessError(f"stack of more than {_MOST_PIXELS} pixels (refused)")


def make_stack(slices: Sequence[Acquisition], frames: list[list[Pixels]], rules: PixelRules) -> StackPixels:
    """Bring decoded slices to one scale and one array.

    Args:
        slices: cines of equal matrix.
        frames: the pixels of each slice, `[row, col]` a frame, from `decode_slice`.
        rules: bits, spacing and crop.

    Raises:
        PreprocessError: values span more than can be stored.
    """
    image = slices[0].images[0]
    forms = [image.pixels for cine in slices for image in cine.images]
    slope, intercept, padding = forms[0].slope, forms[0].intercept, _padding(forms[0])
    if len({(form.slope, form.intercept, _padding(form)) for form in forms}) > 1:
        frames, slope = _common_scale(forms, frames)
        intercept, padding = 0.0, None
    window = robust_window(frames, padding, slope < 0) if rules.bits == 8 else whole_range(frames)
    grid = PixelGrid.of((image.rows, image.cols), image.spacing, rules.spacing_mm, rules.crop)
    pixels: Any = np.zeros((len(frames), max(map(len, frames)), grid.rows.size, grid.cols.size), dtype=window.kind)
    table = window.table()
    for index, arrays in enumerate(frames):
        for frame, array in enumerate(arrays):
            if grid.is_resampled:  # padding as dark as can be, so that it does not bleed into its neighbours
                dark = array if window.padding is None else np.where(array == window.padding, window.ends[0], array)
                pixels[index, frame] = window.map(grid.resample(dark))
            else:
                np.take(table, from_zero(array, window.low), out=pixels[index, frame], mode="clip")
    first, last = window.ends
    return StackPixels(grid.cut(pixels), (slope * first + intercept, slope * last + intercept), grid)


def _padding(form: PixelFormat) -> int | None:
    if form.padding is None or not form.inverted:
        return form.padding
    return int(_turned(form.padding, form))


def _common_scale(forms: Sequence[PixelFormat], frames: list[list[Pixels]]) -> tuple[list[list[Pixels]], float]:
    """Bring frames with different rescale factors to integers of the finest slope, intercept 0."""
    arrays = list(chain(*frames))
    largest = max(
        max(abs(int(array.min())), abs(int(array.max()))) * abs(form.slope) + abs(form.intercept)
        for form, array in zip(forms, arrays, strict=True)
    )
    slope = max(min(abs(form.slope) for form in forms), largest / 60_000)
    scaled = [
        np.rint((array * form.slope + form.intercept) / slope).astype(np.int32)
        for form, array in zip(forms, arrays, strict=True)
    ]
    # Padding becomes the smallest value of all images.
    masks = [
        np.zeros(array.shape, bool) if form.padding is None else array == _padding(form)
        for form, array in zip(forms, arrays, strict=True)
    ]
    inside = [array[~mask] for array, mask in zip(scaled, masks, strict=True)]
    low = min((int(array.min()) for array in inside if array.size), default=0)
    for array, mask in zip(scaled, masks, strict=True):
        array[mask] = low
    rest = iter(scaled)
    return [list(islice(rest, len(arrays_of_slice))) for arrays_of_slice in frames], slope


def cine_stack(slices: Sequence[Acquisition], frames: list[list[Pixels]], rules: PixelRules) -> CineStack:
    """A stack as it is stored: pixels, geometry and trigger times (ms).

    Args:
        slices: cines of equal matrix.
        frames: the pixels of each slice, `[row, col]` a frame, from `decode_slice`.
        rules: bits, spacing and crop.

    Raises:
        PreprocessError: values span more than can be stored.
    """
    stack = make_stack(slices, frames, rules)
    times = np.full(stack.pixels.shape[:2], np.nan)
    for index, cine in enumerate(slices):
        times[index, : len(cine.images)] = [image.trigger_time for image in cine.images]
    first = slices[0].images[0]
    corners = [
        stack.grid.moved(np.array(image.position), np.array(image.orientation), first.spacing)
        for image in (cine.images[0] for cine in slices)
    ]
    return CineStack(
        pixels=stack.pixels,
        n_frames=np.array([len(cine.images) for cine in slices], dtype=np.int32),
        pixel_spacing=stack.grid.spacing,
        slice_thickness=first.thickness if 0 < first.thickness < _THICKEST else math.nan,
        image_orientation=np.array(first.orientation, dtype=np.float64),
        image_position=np.array(corners, dtype=np.float64),
        trigger_time=times,
        intensity_window=stack.window,
        intensity_percentiles=PERCENTILES if rules.bits == 8 else None,
    )


def regridded(stack: CineStack, rules: PixelRules) -> CineStack:
    """A stack at the wanted spacing and size; its pixels are unchanged where none is wanted.

    Args:
        stack: pixels `[slice, frame, row, col]`.
        rules: spacing and crop; at 8 bits the window was that of `PERCENTILES`.
    """
    grid = PixelGrid.of(stack.pixels.shape[2:], stack.pixel_spacing, rules.spacing_mm, rules.crop)
    pixels = stack.pixels
    if grid.is_resampled:
        frames = [[np.rint(grid.resample(frame)).astype(pixels.dtype) for frame in cine] for cine in pixels]
        pixels = np.array(frames)
    old, orientation = stack.pixel_spacing, stack.image_orientation
    return replace(
        stack,
        pixels=grid.cut(pixels),
        pixel_spacing=grid.spacing,
        image_position=np.array([grid.moved(position, orientation, old) for position in stack.image_position]),
        intensity_percentiles=PERCENTILES if rules.bits == 8 else None,
    )
