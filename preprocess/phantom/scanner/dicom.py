"""Write DICOM files fast: a series' elements are encoded once, only a frame's own are encoded for each file.

Explicit VR little endian. pydicom supplies tags and value representations, not the writing, which would take
most of the time of a simulation.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from typing import TypeAlias

from pydicom.datadict import dictionary_VR, tag_for_keyword

__all__ = ["MR_IMAGE_STORAGE", "Elements", "Value", "dicom_file", "encode", "make_uid"]

Value: TypeAlias = str | int | bytes
Elements: TypeAlias = dict[int, bytes]

MR_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.4"
_EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
_LONG_LENGTH = {"OB", "OW", "SQ", "UN", "UT"}
_IMPLEMENTATION = "2.25.305742519804513894526316781"


def make_uid(*parts: object) -> str:
    """A UID below 2.25 (the root for UIDs derived from a UUID), the same for the same parts."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()
    return f"2.25.{int(digest[:31], 16)}"


def encode(values: Mapping[str, Value]) -> Elements:
    """Encode elements given by keyword; several values of one element are joined by a backslash.

    Returns:
        The bytes of each element (tag, value representation, length, value padded to an even length), by tag.

    Raises:
        KeyError: no element has this keyword.
    """
    elements: Elements = {}
    for keyword, value in values.items():
        tag = tag_for_keyword(keyword)
        if tag is None:
            raise KeyError(keyword)
        vr = dictionary_VR(tag)
        vr = {"OB or OW": "OW", "US or SS": "US"}.get(vr, vr)
        if isinstance(value, bytes):
            content = value + b"\0" * (len(value) % 2)
        elif isinstance(value, int):
            content = struct.pack({"US": "<H", "UL": "<I", "SS": "<h"}[vr], value)
        else:
            text = value.encode("latin-1")
            content = text + (b"\0" if vr == "UI" else b" ") * (len(text) % 2)
        head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr.encode())
        length = struct.pack("<HI", 0, len(content)) if vr in _LONG_LENGTH else struct.pack("<H", len(content))
        elements[int(tag)] = head + length + content
    return elements


def dicom_file(series: Elements, frame: Mapping[str, Value]) -> bytes:
    """A whole file: preamble, file meta information and the data set.

    Args:
        series: Encoded elements that all files of the series share.
        frame: What differs; must hold SOPInstanceUID and PixelData.
    """
    meta = encode(
        {
            "FileMetaInformationVersion": b"\0\1",
            "MediaStorageSOPClassUID": MR_IMAGE_STORAGE,
            "MediaStorageSOPInstanceUID": frame["SOPInstanceUID"],
            "TransferSyntaxUID": _EXPLICIT_LITTLE_ENDIAN,
            "ImplementationClassUID": _IMPLEMENTATION,
        }
    )
    head = b"".join(meta[tag] for tag in sorted(meta))
    length = b"".join(encode({"FileMetaInformationGroupLength": len(head)}).values())
    merged = {**series, **encode(frame)}
    return b"\0" * 128 + b"DICM" + length + head + b"".join(merged[tag] for tag in sorted(merged))
