"""Commands in this process, given as on the command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from types import ModuleType

__all__ = ["run_command", "succeed"]


def succeed(main: Callable[[list[str]], int], *arguments: object) -> None:
    """Run a command line that must exit with 0."""
    assert main([str(argument) for argument in arguments]) == 0


def run_command(module: ModuleType, *arguments: object) -> int:
    """The exit code of one command, by its module; its errors come through as they are raised."""
    parser = argparse.ArgumentParser()
    module.configure(parser)
    code: int = module.run(parser.parse_args([str(argument) for argument in arguments]))
    return code
