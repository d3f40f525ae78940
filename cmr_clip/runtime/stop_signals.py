"""Signals that ask a training to stop, remembered instead of obeyed at once."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

__all__ = ["StopSignals", "ignore_stop_signals"]

_SIGNALS = (signal.SIGUSR1, signal.SIGTERM)


class StopSignals:
    """Notes SIGUSR1 (the time limit is near) and SIGTERM (pre-emption); training asks for them between two batches.

    A context manager: what the signals did before is restored at its end.

    Attributes:
        received: the first signal that came, None before.
    """

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._before: dict[signal.Signals, Any] = {}

    def listen(self) -> None:
        """Install the handlers; a second time takes them back from whoever replaced them."""
        if threading.current_thread() is not threading.main_thread():
            return  # Python delivers signals to the main thread only
        for number in _SIGNALS:
            earlier = signal.signal(number, self._note)
            self._before.setdefault(number, earlier)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received = self.received or signal.Signals(number)

    def __enter__(self) -> StopSignals:
        self.listen()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._before = {}


def ignore_stop_signals(worker: int = 0) -> None:
    """For `DataLoader(worker_init_fn=…)`: let reading processes survive until the training process ends them.

    SLURM signals every process of a step. A reader that dies of it would take the training down with it, before the
    training could save.
    """
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
