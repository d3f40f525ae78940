"""The four cine views, in the order in which they are stored and shown."""

from __future__ import annotations

from enum import Enum

__all__ = ["View"]


class View(str, Enum):
    """A standard cine view; its value is the name of the data set in the store."""

    CH4 = "4CH"
    CH3 = "3CH"
    CH2 = "2CH"
    SAX = "SAX"

    def __str__(self) -> str:
        return self.value
