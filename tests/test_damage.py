"""A fault of the software or of the machine never looks like a damaged file."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import ROOT

# Raised by mistakes in code, or by a machine that is full: in a tuple they would make either look like bad input.
NEVER = {"TypeError", "AttributeError", "NameError", "SystemError", "MemoryError", "Exception", "BaseException"}


def tuples_of_exceptions(path: Path) -> Iterator[tuple[int, set[str]]]:
    """Line and names of every tuple that names an error; also the tuples that such a tuple unpacks are in the tree."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Tuple):
            names = {part.attr if isinstance(part, ast.Attribute) else part.id
                     for part in node.elts if isinstance(part, ast.Attribute | ast.Name)}  # fmt: skip
            if any(name.endswith(("Error", "Exception")) for name in names):
                yield node.lineno, names


@pytest.mark.parametrize("package", ["preprocess", "cmr_clip"])
def test_no_tuple_of_errors_catches_mistakes(package: str) -> None:
    files = sorted((ROOT / package).rglob("*.py"))
    found = [(path, *tuples) for path in files for tuples in tuples_of_exceptions(path)]
    assert len(found) > 3, "the search sees the tuples that there are"
    wrong = [f"{path}:{line}: {', '.join(names & NEVER)}" for path, line, names in found if names & NEVER]
    assert not wrong, "\n".join(wrong)
