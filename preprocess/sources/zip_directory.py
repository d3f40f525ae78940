"""How many entries a zip holds, counted without building the list that `zipfile` makes of them.

A million empty entries are a file of some 50 MB and, once listed, half a gigabyte of memory. The end record states
a number, but only the central directory itself tells the truth (APPNOTE.TXT 4.3.12 and 4.3.16).
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

__all__ = ["count_entries"]

_END = b"PK\x05\x06"
_END_SIZE = 22
_LOCATOR = b"PK\x06\x07"  # of the 64-bit end record, between that and the ordinary one
_LOCATOR_SIZE = 20
_END_64 = b"PK\x06\x06"
_ENTRY = b"PK\x01\x02"
_ENTRY_SIZE = 46


def count_entries(path: Path, limit: int) -> int:
    """Entries of the central directory, at most `limit + 1`; 0 where there is none to be found.

    Args:
        path: the zip.
        limit: counting stops beyond it.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            place, stop = _directory(data)
            count = 0
            while 0 <= place <= stop - _ENTRY_SIZE and data[place : place + 4] == _ENTRY and count <= limit:
                place += _ENTRY_SIZE + sum(struct.unpack_from("<3H", data, place + 28))
                count += 1
            return count
    except (OSError, ValueError):  # an empty file cannot be mapped
        return 0


def _directory(data: mmap.mmap) -> tuple[int, int]:
    """Where the central directory begins and ends."""
    end = data.rfind(_END, max(0, len(data) - _END_SIZE - 65_535))
    if end < 0 or end + _END_SIZE > len(data):
        return 0, 0
    (size,) = struct.unpack_from("<L", data, end + 12)
    if data[max(0, end - _LOCATOR_SIZE) : end][:4] == _LOCATOR:
        end = data.rfind(_END_64, max(0, end - 4096), end)
        if end < 0 or end + 56 > len(data):
            return 0, 0
        (size,) = struct.unpack_from("<Q", data, end + 40)
    return end - size, end
