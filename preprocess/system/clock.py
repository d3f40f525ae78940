"""A limit on how long work may go on without a sign of progress."""

from __future__ import annotations

import faulthandler
import os
import signal
import threading
import time
from multiprocessing import parent_process
from pathlib import Path
from types import FrameType, TracebackType
from typing import TextIO

__all__ = ["Clock", "TimeUpError"]

_GRACE = 30.0  # seconds after which a worker that is stuck in foreign code is ended from outside Python
_AGAIN = 1.0  # seconds until the alarm is repeated, where foreign code swallowed it
_FREQUENT = 0.5  # seconds within which another sign of progress costs nothing


class TimeUpError(Exception):
    """No progress within the time allowed."""


class Clock:
    """Raises `TimeUpError` in the main thread if `tick` was not called for some time.

    A decoder that hangs in C code never sees the alarm: a worker process is ended then, and the run treats it like
    one that ran out of memory. In another thread than the main one the clock does nothing.

    Args:
        seconds: time allowed; 0 for no limit.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._is_on = seconds > 0 and threading.current_thread() is threading.main_thread()
        self._is_worker = parent_process() is not None
        self._last = -float("inf")
        self._nowhere: TextIO | None = None

    def __enter__(self) -> Clock:
        if self._is_on:
            self._before = signal.signal(signal.SIGALRM, self._ring)
            self._nowhere = Path(os.devnull).open("w", encoding="ascii")
            self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if not self._is_on:
            return
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, self._before)
        if self._is_worker:
            faulthandler.cancel_dump_traceback_later()
        if self._nowhere:
            self._nowhere.close()

    def start(self) -> None:
        """Count anew, from now."""
        if not self._is_on:
            return
        self._last = time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, self.seconds, _AGAIN)
        if self._is_worker and self._nowhere:
            faulthandler.dump_traceback_later(self.seconds + _GRACE, exit=True, file=self._nowhere)

    def tick(self) -> None:
        """A sign of progress."""
        if self._is_on and time.monotonic() - self._last > min(_FREQUENT, self.seconds / 4):
            self.start()

    def _ring(self, number: int, frame: FrameType | None) -> None:
        raise TimeUpError
