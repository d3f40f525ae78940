"""What a check can find, as rows of `verification.csv`; no row repeats a name or a value that a store brought along."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from enum import Enum
from pathlib import Path

from preprocess.privacy.keys import is_key
from preprocess.store.views import View
from preprocess.system.files import write_text

__all__ = ["Check", "Problem", "safe_key", "safe_view", "write_problems"]


class Check(str, Enum):
    """The kinds of checks, in the order in which they are reported."""

    UNCHECKED = "unchecked"  # a fault of this machine, or of this software: nothing is known of the file
    FOLDER = "folder"
    PRESENCE = "presence"
    READABLE = "readable"
    SCHEMA = "schema"
    STRUCTURE = "structure"
    ATTRIBUTES = "attributes"
    PIXELS = "pixels"
    MANIFEST = "manifest"
    LEDGER = "ledger"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        check: which check found it.
        problem: what it is.
        patient: key, empty where it is about no patient.
        study: key, empty where it is about no study.
        view: empty where it is about no view.
        slice: None where it is about no slice.
        store: number of the store in the order of the command line, from 1.
    """

    check: Check
    problem: str
    patient: str = ""
    study: str = ""
    view: str = ""
    slice: int | None = None
    store: int = 1


def safe_key(text: object) -> str:
    """A key, or nothing: what is no key may be a name."""
    return str(text) if is_key(text) else ""


def safe_view(text: object) -> str:
    """The name of a view, or nothing."""
    return str(text) if text in {view.value for view in View} else ""


def write_problems(path: Path, problems: Iterable[Problem]) -> None:
    """Write `verification.csv`, sorted; a header alone where all is well."""
    order = list(Check)
    rows = sorted(problems, key=lambda row: (row.store, order.index(row.check), *map(str, astuple(row)[1:])))
    names = ["store", "patient", "study", "view", "slice", "check", "problem"]
    assert sorted(names) == sorted(field.name for field in fields(Problem))
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(["" if getattr(row, name) is None else str(getattr(row, name)) for name in names] for row in rows)
    write_text(path, buffer.getvalue())
