"""The command `cmr-preprocess`: from archives and reports to a training store."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from preprocess import __version__
from preprocess.commands.registry import LazyCommand, add_commands, named_command
from preprocess.errors import MendableError
from preprocess.system.extensions import load_extensions

__all__ = ["main"]

_COMMANDS = {
    "simulate": "draw a cohort of beating hearts as DICOM archives with reports and known truth",
    "convert": "DICOM archives and folders to a study store",
    "import-legacy": "HDF5 files of the paper's tools to a study store",
    "views": "judge series descriptions by the view rules",
    "verify": "check every file of a store, and find studies that are there twice",
    "qc": "check a store: counts, distributions, pictures, outliers",
    "inspect": "look at one study: facts, contact sheet, films",
    "reports": "split and tokenize the reports of a store's studies",
    "labels": "make a label file from reports (LVEF), a table or a public data set",
    "splits": "divide the patients of a store into train, val and test",
}


def build_parser() -> argparse.ArgumentParser:
    """The parser of `cmr-preprocess`; a command is imported when it is chosen."""
    parser = argparse.ArgumentParser(
        prog="cmr-preprocess",
        description="Turn DICOM archives and radiology reports into a de-identified training store.",
        epilog="Usual order: simulate (or bring your own archives), convert, verify, qc, reports, labels, splits.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=LazyCommand)
    add_commands(commands, "preprocess.commands", _COMMANDS)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; bad input is one line on stderr and exit code 1, wrong usage is exit code 2."""
    try:
        if named_command(list(sys.argv[1:] if argv is None else argv)) in _COMMANDS:
            load_extensions()
        args = build_parser().parse_args(argv)
        return int(args.run(args))
    except MendableError as error:
        print(f"cmr-preprocess: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("cmr-preprocess: interrupted; the same command goes on where it stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
