"""Whether anything in this process or another opened a file, also below Python (inotify, so Linux alone)."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["watched"]

_IN_OPEN = 0x20


@contextmanager
def watched(path: Path) -> Iterator[Callable[[], bool]]:
    """Inside the block, the call says whether the file was opened since the last call."""
    library = ctypes.CDLL(None, use_errno=True)
    watch = library.inotify_init1(os.O_NONBLOCK)
    try:
        assert library.inotify_add_watch(watch, os.fsencode(path), _IN_OPEN) >= 0, os.strerror(ctypes.get_errno())

        def is_opened() -> bool:
            try:
                return bool(os.read(watch, 1 << 16))
            except BlockingIOError:
                return False

        yield is_opened
    finally:
        os.close(watch)
