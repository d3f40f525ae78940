"""Silence for libraries whose hints would leak or confuse."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

__all__ = ["quiet"]


@contextmanager
def quiet(names: Sequence[str], level: int) -> Iterator[None]:
    """Without warnings, and with these loggers (and their children, who inherit it) raised to a level."""
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(level)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, before in zip(loggers, levels, strict=True):
            logger.setLevel(before)
