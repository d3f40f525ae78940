"""Sub-commands, one module each: `configure(parser)`, `run(args)`, and the description as docstring."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Mapping, Sequence
from importlib import import_module
from typing import Any

__all__ = ["add_commands", "named_command"]


def add_commands(
    commands: argparse._SubParsersAction[Any],
    package: str,
    helps: Mapping[str, str],
    chosen: Collection[str] | None = None,
) -> None:
    """Register the commands of a package.

    Args:
        commands: where to register.
        package: holds a module per command, named as the command with `_` in place of `-`.
        helps: command to the line that the list of commands shows; so that the list needs no import.
        chosen: the commands whose modules are imported, so that they can be parsed and run; None: all.
    """
    for name, text in helps.items():
        if chosen is not None and name not in chosen:
            commands.add_parser(name, help=text)
            continue
        module = import_module(f"{package}.{name.replace('-', '_')}")
        command = commands.add_parser(
            name,
            help=text,
            description=module.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.configure(command)
        command.set_defaults(run=module.run)


def named_command(arguments: Sequence[str]) -> list[str]:
    """The command that arguments name (their first word that is no option), as a list of one or none."""
    return [word for word in arguments if not word.startswith("-")][:1]
