"""What the commands that read a hospital's tables share: the store, its key, and the names of the columns."""

from __future__ import annotations

import argparse
from pathlib import Path

from preprocess.privacy.keys import SiteKey, default_key_path, load_key
from preprocess.reports.language.registry import DEFAULT_LANGUAGE
from preprocess.reports.matching import IdColumns

__all__ = ["add_identifier_options", "add_report_options", "add_store_option", "id_columns", "site_key"]


def add_store_option(parser: argparse.ArgumentParser) -> None:
    """Which store."""
    parser.add_argument("--store", type=Path, required=True, help="study store that convert made")


def add_identifier_options(parser: argparse.ArgumentParser) -> None:
    """How the rows of a table name the studies of the store."""
    ids, add = IdColumns(), parser.add_argument
    add("--key", type=Path, metavar="FILE", help="site key of the store (default: STORE.private/site.key)")
    add("--patient-column", default=ids.patient, metavar="NAME", help="default: %(default)s")
    add("--study-column", default=ids.study, metavar="NAME", help="default: %(default)s")


def add_report_options(parser: argparse.ArgumentParser) -> None:
    """Where the reports are in their table, and their language (None where it is not given)."""
    add = parser.add_argument
    add("--text-column", default="report", metavar="NAME", help="of --reports (default: %(default)s)")
    add("--language", metavar="NAME", help=f"of --reports (default: {DEFAULT_LANGUAGE.name})")


def id_columns(args: argparse.Namespace) -> IdColumns:
    """The columns of the identifiers."""
    return IdColumns(args.patient_column, args.study_column)


def site_key(args: argparse.Namespace) -> SiteKey:
    """The key of the store.

    Raises:
        PreprocessError: there is none.
    """
    return load_key(args.key or default_key_path(args.store))
