"""How much memory Python and NumPy took at most."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["measured_memory"]


@contextmanager
def measured_memory() -> Iterator[Callable[[], int]]:
    """Inside the block, the call gives the largest sum of bytes so far."""
    tracemalloc.start()
    try:
        yield lambda: tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
