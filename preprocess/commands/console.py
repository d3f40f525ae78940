"""What the commands say to a person: one console for results and progress."""

from __future__ import annotations

from functools import cache

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

__all__ = ["console", "progress_bar"]


@cache
def console() -> Console:
    """The console that every command writes to."""
    return Console(highlight=False, soft_wrap=True)


def progress_bar() -> Progress:
    """A progress bar that names the work, counts it and tells the time left."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console())
