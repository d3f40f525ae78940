"""Compressed frames to numbers: which transfer syntaxes are read, by which library, and what is missing for others."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from importlib import import_module
from tempfile import TemporaryFile
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID, RLELossless

from preprocess.dicom.codestream import DAMAGED, Extent, decode_rle, jpeg_2000, jpeg_2000_extent, jpeg_extent
from preprocess.dicom.malformed import reading_dicom
from preprocess.errors import PreprocessError

__all__ = ["PixelLayout", "decode_frame"]


@dataclass(frozen=True)
class PixelLayout:
    """What the DICOM header says about the stored numbers of a grey image.

    Attributes:
        rows: pixels.
        cols: pixels.
        bits_allocated: 8 or 16.
        bits_stored: bits that mean something.
        signed: two's complement.
    """

    rows: int
    cols: int
    bits_allocated: int
    bits_stored: int
    signed: bool


@dataclass(frozen=True)
class _Coding:
    """A family of transfer syntaxes.

    Attributes:
        plugins: names of pydicom's plug-ins and of the packages that bring them, the first installed one decodes.
        bare: to the codestream itself.
        extent: the size that the codestream states.
    """

    plugins: tuple[tuple[str, str], ...]
    bare: Callable[[bytes], bytes]
    extent: Callable[[bytes], Extent]


def _as_it_is(data: bytes) -> bytes:
    return data


_STDERR = 2  # the descriptor that C libraries write to
_GDCM = ("gdcm", "python-gdcm")
_JPEG = _Coding((("pillow", "pillow"), _GDCM, ("pylibjpeg", "pylibjpeg-libjpeg")), _as_it_is, jpeg_extent)
_JPEG_12 = _Coding((("pylibjpeg", "pylibjpeg-libjpeg"),), _as_it_is, jpeg_extent)
_JPEG_LOSSLESS = _Coding((_GDCM, ("pylibjpeg", "pylibjpeg-libjpeg")), _as_it_is, jpeg_extent)
_JPEG_LS = _Coding((("pyjpegls", "pyjpegls"), _GDCM), _as_it_is, jpeg_extent)
_OPENJPEG = ("pylibjpeg", "pylibjpeg-openjpeg")
_JPEG_2000 = _Coding((_OPENJPEG, ("pillow", "pillow"), _GDCM), jpeg_2000, jpeg_2000_extent)
_HTJ2K = _Coding((_OPENJPEG,), jpeg_2000, jpeg_2000_extent)
_CODINGS = {
    "1.2.840.10008.1.2.4.50": _JPEG,
    "1.2.840.10008.1.2.4.51": _JPEG,
    "1.2.840.10008.1.2.4.57": _JPEG_LOSSLESS,
    "1.2.840.10008.1.2.4.70": _JPEG_LOSSLESS,
    "1.2.840.10008.1.2.4.80": _JPEG_LS,
    "1.2.840.10008.1.2.4.81": _JPEG_LS,
    "1.2.840.10008.1.2.4.90": _JPEG_2000,
    "1.2.840.10008.1.2.4.91": _JPEG_2000,
    "1.2.840.10008.1.2.4.201": _HTJ2K,
    "1.2.840.10008.1.2.4.202": _HTJ2K,
    "1.2.840.10008.1.2.4.203": _HTJ2K,
}


def decode_frame(data: bytes, syntax: str, layout: PixelLayout) -> npt.NDArray[Any]:
    """Decode one frame to its stored numbers, `[row, col]`.

    Args:
        data: its codestream.
        syntax: UID of the transfer syntax.
        layout: what the header says.

    Raises:
        PreprocessError: damaged, of another size than the header says, or no installed library decodes it.
    """
    if syntax == RLELossless:
        kind = f"{'i' if layout.signed else 'u'}{layout.bits_allocated // 8}"
        pixels = decode_rle(data, layout.rows * layout.cols, layout.bits_allocated // 8)
        return pixels.view(kind).reshape(layout.rows, layout.cols)
    coding = _CODINGS.get(syntax)
    if coding is None:
        raise PreprocessError(f"pixels in a transfer syntax that is not read: {_name(syntax)}")
    data = coding.bare(data)
    extent = coding.extent(data)
    if (extent.rows, extent.cols, extent.samples) != (layout.rows, layout.cols, 1) or extent.bits > 16:
        raise PreprocessError("compressed pixels are not of the size that the header says (refused)")
    plugins = (_JPEG_12 if coding is _JPEG and extent.bits > 8 else coding).plugins
    return _decode(data, UID(syntax), layout, plugins)


def _name(syntax: str) -> str:
    """Standard name of a transfer syntax; a private one is not quoted."""
    uid = UID(syntax)
    return str(uid.name) if uid.is_transfer_syntax and not uid.is_private else "a private one"


@contextmanager
def _no_complaint() -> Iterator[None]:
    """Raises where gdcm complains: its libjpeg writes to the standard error and goes on with damaged pixels."""
    trace = import_module("gdcm").Trace  # it has no types
    for turn_off in (trace.DebugOff, trace.WarningOff, trace.ErrorOff):
        turn_off()
    if sys.stderr:
        sys.stderr.flush()
    with TemporaryFile() as heard:
        try:
            before = os.dup(_STDERR)
        except OSError:  # a service without a standard error: nothing to hear
            yield
            return
        try:
            os.dup2(heard.fileno(), _STDERR)
            yield
        finally:
            os.dup2(before, _STDERR)
            os.close(before)
        if heard.seek(0, os.SEEK_END):
            raise PreprocessError(DAMAGED)


def _decode(data: bytes, syntax: UID, layout: PixelLayout, plugins: tuple[tuple[str, str], ...]) -> npt.NDArray[Any]:
    """Decode a codestream by the first of the plug-ins that is installed, `[row, col]`."""
    decoder = get_decoder(syntax)
    plugin = next((plugin for plugin, _ in plugins if plugin in decoder.available_plugins), None)
    if plugin is None:
        raise PreprocessError(f"no decoder installed for {_name(syntax)} (package {plugins[0][1]} decodes it)")
    options: dict[str, Any] = {
        "pixel_keyword": "PixelData",
        "number_of_frames": 1,
        "rows": layout.rows,
        "columns": layout.cols,
        "samples_per_pixel": 1,
        "bits_allocated": layout.bits_allocated,
        "bits_stored": layout.bits_stored,
        "pixel_representation": int(layout.signed),
        "photometric_interpretation": "MONOCHROME2",
    }
    with reading_dicom(DAMAGED):
        file = encapsulate([data], has_bot=False)
        with _no_complaint() if plugin == "gdcm" else nullcontext():
            array, _ = decoder.as_array(file, index=0, raw=True, decoding_plugin=plugin, **options)
    if array.shape != (layout.rows, layout.cols):
        raise PreprocessError(DAMAGED)
    pixels: npt.NDArray[Any] = np.ascontiguousarray(array)
    return pixels
