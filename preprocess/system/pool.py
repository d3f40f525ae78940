"""Worker processes that outlive neither the run nor a fault of their own."""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing import get_context, parent_process
from typing import Generic, TypeVar

__all__ = ["Done", "Failed", "n_cores", "work"]

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Done(Generic[Task, Result]):
    """A finished task."""

    task: Task
    result: Result


@dataclass(frozen=True)
class Failed(Generic[Task]):
    """A task that has no result; `error` is None where its process died."""

    task: Task
    error: Exception | None


def work(
    function: Callable[[Task], Result], tasks: Iterable[Task], workers: int
) -> Iterator[Done[Task, Result] | Failed[Task]]:
    """Run a function on every task; an exception or a dying process is that task's failure and no other's.

    Few tasks are in flight at a time, so that memory stays bounded. On an interrupt those that have not begun are
    dropped.

    Args:
        function: picklable, and so are tasks and results.
        tasks: what to do.
        workers: processes; 0 to work in this one.
    """
    if workers == 0:
        for task in tasks:
            try:
                done: Done[Task, Result] | Failed[Task] = Done(task, function(task))
            except Exception as error:  # noqa: BLE001 - whatever a worker would hand back
                done = Failed(task, error)
            yield done
        return
    waiting = deque(tasks)
    suspects: list[Task] = []
    while waiting:
        with _pool(min(workers, len(waiting))) as pool:
            yield from _drain(pool, function, waiting, suspects, 2 * workers)
    for task in suspects:  # each was in flight when a process died; alone it shows whether it was the one
        alone: list[Task] = []
        with _pool(1) as pool:
            yield from _drain(pool, function, deque([task]), alone, 1)
        if alone:
            yield Failed(task, None)


def n_cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _drain(
    pool: Executor,
    function: Callable[[Task], Result],
    waiting: deque[Task],
    suspects: list[Task],
    n_flying: int,
) -> Iterator[Done[Task, Result] | Failed[Task]]:
    """Work until nothing waits, or until the pool breaks: what was in flight then is suspect."""
    flight = _Flight(pool, function, n_flying)
    try:
        while flight.is_on(waiting):
            flight.fill(waiting)
            finished, _ = wait(flight.tasks, return_when=FIRST_COMPLETED)
            for future in finished:
                yield from flight.landed(future, suspects)
    finally:
        for future in flight.tasks:
            future.cancel()


@dataclass
class _Flight(Generic[Task, Result]):
    """The tasks that a pool works on.

    Attributes:
        pool: where they run.
        function: what is done.
        most: tasks in flight at once.
        tasks: those in flight.
        is_broken: a process died, and the pool with it.
    """

    pool: Executor
    function: Callable[[Task], Result]
    most: int
    tasks: dict[Future[Result], Task] = field(default_factory=dict)
    is_broken: bool = False

    def is_on(self, waiting: deque[Task]) -> bool:
        """Whether anything is in flight or may begin."""
        return bool(self.tasks) or (bool(waiting) and not self.is_broken)

    def fill(self, waiting: deque[Task]) -> None:
        """Begin what waits, as long as there is room."""
        while waiting and len(self.tasks) < self.most and not self.is_broken:
            try:
                self.tasks[self.pool.submit(self.function, waiting[0])] = waiting[0]
                waiting.popleft()
            except BrokenProcessPool:
                self.is_broken = True

    def landed(self, future: Future[Result], suspects: list[Task]) -> Iterator[Done[Task, Result] | Failed[Task]]:
        """The result of a finished task; none, but a suspect, where the pool broke."""
        task, error = self.tasks.pop(future), future.exception()
        if isinstance(error, BrokenProcessPool):
            self.is_broken = True
            suspects.append(task)
        elif error is None:
            yield Done(task, future.result())
        elif isinstance(error, Exception):
            yield Failed(task, error)
        else:
            raise error


def _pool(workers: int) -> Executor:
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_begin)


def _begin() -> None:
    """Leave Ctrl-C to the main process, and end with it even where it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
