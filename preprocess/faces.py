"""The face of a package: the names that users import from it, each fetched from its module when it is first used."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

__all__ = ["face"]


def face(package: str, **names: str) -> tuple[list[str], Callable[[str], Any], Callable[[], list[str]]]:
    """A package's `__all__`, `__getattr__` and `__dir__`.

    Nothing is imported before a name is used, so that a package costs what is used of it and faces make no circles.

    Args:
        package: its `__name__`.
        names: module of the package (`a__b` for the module b of the folder a) to the names that it gives, in one text.

    Returns:
        What the package assigns; type checkers read its `TYPE_CHECKING` imports instead.
    """
    places = {name: module.replace("__", ".") for module, given in names.items() for name in given.split()}

    def fetch(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{places[name]}"), name)

    return sorted(places), fetch, lambda: sorted(places)
