"""Sub-commands of a command line, one module each: `configure(parser)` and `run(args)`, imported when it is chosen."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

__all__ = ["LazyCommand", "add_commands", "named_command"]


class LazyCommand(argparse.ArgumentParser):
    """The parser of a sub-command, whose module is imported once its arguments or its help are wanted.

    So the help of the whole program costs no import of numpy, h5py or torch.

    Attributes:
        rest: where unknown arguments go in the namespace; None, the default, refuses them.
    """

    def __init__(self, *args: Any, module: str = "", **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._module = module
        self.rest: str | None = None

    def load(self) -> LazyCommand:
        """Import the command's module, whose docstring describes it, and take over its arguments."""
        if self._module:
            module, self._module = import_module(self._module), ""
            self.description = module.__doc__
            module.configure(self)
            self.set_defaults(run=module.run)
        return self

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parse, as the parent class does, with the command's own arguments."""
        self.load()
        found, unknown = super().parse_known_args(args, namespace)
        if self.rest is None:
            return found, unknown
        setattr(found, self.rest, unknown)
        return found, []


def add_commands(commands: argparse._SubParsersAction[Any], package: str, helps: Mapping[str, str]) -> None:
    """Register the sub-commands of a package without importing them.

    Args:
        commands: made with `parser_class=LazyCommand`.
        package: where the modules lie, called as the commands with `_` for `-`.
        helps: a line for each command, in the order of the help.
    """
    for name, text in helps.items():
        commands.add_parser(
            name,
            help=text,
            module=f"{package}.{name.replace('-', '_')}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )


def named_command(arguments: Sequence[str]) -> str:
    """The command that arguments name: their first word that is no option; empty where there is none."""
    return next((word for word in arguments if not word.startswith("-")), "")
