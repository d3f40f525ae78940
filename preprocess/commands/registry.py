"""Sub-commands of a command line, one module each: `NAME`, `HELP`, `configure(parser)` and `run(args)`."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from importlib import import_module
from typing import Any

__all__ = ["add_commands"]


def add_commands(commands: argparse._SubParsersAction[Any], package: str, names: Iterable[str]) -> None:
    """Register the modules `names` of a package; each module's docstring is its command's description."""
    for name in names:
        module = import_module(f"{package}.{name}")
        command = commands.add_parser(
            module.NAME,
            help=module.HELP,
            description=module.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.configure(command)
        command.set_defaults(run=module.run)
