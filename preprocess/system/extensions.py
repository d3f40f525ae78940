"""Modules from outside that make something known: an encoder, a head, a data set, a language.

Whoever adds a kind writes a module that registers it. Installed packages name theirs as an entry point of the group
`cmr_clip.extensions`; anybody else names them in the environment variable `CMR_CLIP_EXTENSIONS`, separated by commas.
Files never name code to import.
"""

from __future__ import annotations

import os
from importlib import import_module
from importlib.metadata import entry_points

from preprocess.errors import MendableError

__all__ = ["EXTENSIONS_GROUP", "EXTENSIONS_VARIABLE", "load_extensions"]

EXTENSIONS_GROUP = "cmr_clip.extensions"
EXTENSIONS_VARIABLE = "CMR_CLIP_EXTENSIONS"


def load_extensions() -> list[str]:
    """Import them all, once; both command lines do so before a command runs.

    Returns:
        Names of the modules.

    Raises:
        MendableError: there is no module of a name.
    """
    asked = [name.strip() for name in os.environ.get(EXTENSIONS_VARIABLE, "").split(",") if name.strip()]
    names = dict.fromkeys(asked, f"{EXTENSIONS_VARIABLE} names")
    names |= {point.module: "an installed package names" for point in entry_points(group=EXTENSIONS_GROUP)}
    for name, who in names.items():
        try:
            import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{name}.".startswith(f"{error.name}."):
                raise  # it is there, and lacks something itself
            raise MendableError(
                f"{who} the extension {name}, and there is no such module",
                f"put its folder on PYTHONPATH, or correct {EXTENSIONS_VARIABLE}",
            ) from None
    return list(names)
