"""What compressed pixels say of themselves, read before a decoder allocates memory for them.

A header of a few bytes can ask a decoder for gigabytes. Each codestream states its own size, which must be the one
that the DICOM header states and lie below a fixed limit. Sources: ITU-T T.81 annex B (JPEG), T.87 annex C (JPEG-LS),
T.800 annex A and I (JPEG 2000), DICOM PS3.5 annex G (RLE).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from preprocess.errors import PreprocessError

__all__ = ["DAMAGED", "MAX_SIDE", "Extent", "decode_rle", "jpeg_2000", "jpeg_2000_extent", "jpeg_extent"]

DAMAGED = "pixels are damaged (they cannot be decoded)"
MAX_SIDE = 4096  # rows and columns of an image; scanners of today make fewer than 1024
_MAX_MARKERS = 1000  # segments in front of the pixels; files have about ten
_MAX_TILES = 4096
_JPEG_START, _JPEG_SCAN, _JPEG_END = 0xD8, 0xDA, b"\xff\xd9"
_JPEG_FRAMES = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}  # start of frame; F7 is JPEG-LS
_JPEG_LONELY = {0x01, *range(0xD0, 0xD8)}  # markers without a length
_J2K_START = b"\xff\x4f\xff\x51"
_JP2_START = b"\x00\x00\x00\x0cjP  \r\n\x87\n"


@dataclass(frozen=True)
class Extent:
    """Size that a codestream states: pixels, samples of a pixel, bits of a sample."""

    rows: int
    cols: int
    samples: int
    bits: int


def jpeg_extent(data: bytes) -> Extent:
    """Size in the frame header of JPEG or JPEG-LS.

    Raises:
        PreprocessError: no such codestream, more than one frame header, or the end is missing.
    """
    _require_end(data)
    if data[:1] != b"\xff" or data[1:2] != bytes((_JPEG_START,)):
        raise PreprocessError(DAMAGED)
    place = 2
    found: list[Extent] = []
    for _ in range(_MAX_MARKERS):
        marker, place = _next_marker(data, place)
        if marker == _JPEG_SCAN:
            break
        if marker in _JPEG_LONELY:
            continue
        if marker in _JPEG_FRAMES:
            bits, rows, cols, samples = _unpack(">xxBHHB", data, place)
            found.append(Extent(rows, cols, samples, bits))
        place += max(2, _unpack(">H", data, place)[0])
    if marker != _JPEG_SCAN or len(found) != 1:
        raise PreprocessError(DAMAGED)
    return found[0]


def _next_marker(data: bytes, place: int) -> tuple[int, int]:
    """The marker at a place (it may be preceded by fill bytes), and where its segment begins."""
    if data[place : place + 1] != b"\xff":
        raise PreprocessError(DAMAGED)
    while data[place : place + 1] == b"\xff":
        place += 1
    if place >= len(data):
        raise PreprocessError(DAMAGED)
    return data[place], place + 1


def jpeg_2000(data: bytes) -> bytes:
    """The bare codestream; some writers wrap it in the JP2 file format, which may hold palettes and the like.

    Raises:
        PreprocessError: neither of the two.
    """
    if data.startswith(_J2K_START):
        return data
    place = len(_JP2_START)
    if data.startswith(_JP2_START):
        for _ in range(_MAX_MARKERS):
            length, kind = _unpack(">I4s", data, place)
            if kind == b"jp2c" and data[place + 8 : place + 12] == _J2K_START:
                return data[place + 8 : place + length if length else len(data)]
            if length < 8:
                break
            place += length
    raise PreprocessError(DAMAGED)


def jpeg_2000_extent(data: bytes) -> Extent:
    """Size in the SIZ segment of a bare JPEG 2000 codestream.

    Raises:
        PreprocessError: no such codestream, samples of unequal size, very many tiles, or the end is missing.
    """
    _require_end(data)
    if not data.startswith(_J2K_START):
        raise PreprocessError(DAMAGED)
    width, height, left, top, tile_cols, tile_rows, tile_left, tile_top, samples = _unpack(">8IH", data, 8)
    if not (tile_cols and tile_rows and left < width and top < height and tile_left <= left and tile_top <= top):
        raise PreprocessError(DAMAGED)
    tiles = -(-(width - tile_left) // tile_cols) * -(-(height - tile_top) // tile_rows)
    bits, step_cols, step_rows = _unpack(">BBB", data, 42)
    if tiles > _MAX_TILES or (step_cols, step_rows) != (1, 1):
        raise PreprocessError(DAMAGED)
    return Extent(height - top, width - left, samples, (bits & 0x7F) + 1)


def _require_end(data: bytes) -> None:
    """A decoder would fill up a codestream that is cut off."""
    if not data[-64:].rstrip(b"\0").endswith(_JPEG_END):
        raise PreprocessError("pixels are cut off (the end of their codestream is missing)")


def _unpack(form: str, data: bytes, place: int) -> tuple[Any, ...]:
    try:
        return struct.unpack_from(form, data, place)
    except struct.error:
        raise PreprocessError(DAMAGED) from None


def decode_rle(data: bytes, n_pixels: int, n_bytes: int) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]:
    """Decode RLE of one sample per pixel, `[pixel]`; nothing is allocated beyond the stated size.

    Args:
        data: the codestream of a frame.
        n_pixels: rows × columns.
        n_bytes: 1 or 2 bytes of a pixel; the first segment holds the most significant ones.

    Raises:
        PreprocessError: the header does not fit, or a segment ends too early.
    """
    n_segments, *starts = _unpack("<16I", data, 0)
    bounds = [*starts[:n_bytes], len(data)]
    if n_segments != n_bytes or bounds[0] < 64 or any(a > b for a, b in pairwise(bounds)):
        raise PreprocessError(DAMAGED)
    planes = [_rle_segment(data[bounds[i] : bounds[i + 1]], n_pixels) for i in reversed(range(n_bytes))]
    pixels = np.stack([np.frombuffer(plane, np.uint8) for plane in planes], axis=1)
    return pixels.view("<u2" if n_bytes == 2 else np.uint8)[:, 0]


def _rle_segment(data: bytes, size: int) -> bytearray:
    out = bytearray()
    place, end = 0, len(data)
    while len(out) < size:
        if place + 1 >= end:
            raise PreprocessError(DAMAGED)
        count = data[place]
        if count < 128:  # count + 1 bytes as they are
            out += data[place + 1 : place + 2 + count]
            place += 2 + count
        elif count > 128:  # one byte 257 − count times
            out += data[place + 1 : place + 2] * (257 - count)
            place += 2
        else:
            place += 1
    del out[size:]
    return out
