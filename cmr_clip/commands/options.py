"""Options that several commands share."""

from __future__ import annotations

import argparse
from pathlib import Path

__all__ = ["add_checkpoint"]


def add_checkpoint(
    parser: argparse.ArgumentParser,
    what: str = "checkpoint of cmr-clip fit or of the paper's authors, or a folder of cmr-clip export",
) -> None:
    """Add `--checkpoint`: weights, wherever they come from.

    Args:
        parser: of the command.
        what: weights the command takes.
    """
    parser.add_argument("--checkpoint", type=Path, required=True, help=what)
