"""The house stands: imports go down only, nothing runs in circles, no room is crowded, the tests mirror the trees.

`FLOORS` holds the folders and loose modules of each package from roof to ground; each may import only those after it
(and what lies in itself). A folder may have its floor before it is built.
"""

from __future__ import annotations

from collections import Counter

import pytest

from tests.support.paths import ROOT
from tests.support.source_tree import PACKAGES, Import, circles, imports_in, imports_of, modules_of

FLOORS = {
    "preprocess": (
        "__main__",
        "cli",
        "commands",
        "qc",
        "inspection",
        "pages",
        "phantom",
        "legacy",
        "verification",
        "labels",
        "reports",
        "conversion",
        "sources",
        "recognition",
        "cines",
        "dicom",
        "store",
        "privacy",
        "system",
        "faces",
        "geometry",
        "errors",
    ),
    "cmr_clip": (
        "__main__",
        "cli",
        "commands",
        "demo",
        "preflight",
        "explore",
        "evaluation",
        "inference",
        "training",
        "tasks",
        "weights",
        "data",
        "models",
        "transforms",
        "encoders",
        "clips",
        "runtime",
        "metrics",
        "losses",
        "tables",
        "shipped",
        "descriptions",
        "errors",
    ),
}
MOST_MODULES, MOST_AT_THE_TOP, MOST_LINES = 15, 8, 300

packages = pytest.mark.parametrize("package", PACKAGES)


def floor(module: str) -> str:
    """The folder or loose module of the package; empty for the package's own `__init__`."""
    return module.partition(".")[2].partition(".")[0]


def imports_between(package: str) -> list[Import]:
    """Between modules of the package, without the version, which stands in its face."""
    own = [found for found in imports_of(package) if found.target.partition(".")[0] == package]
    return [found for found in own if (found.target, found.name) != (package, "__version__")]


def goes_up(found: Import, floors: tuple[str, ...]) -> bool:
    """The package's own `__init__` is its face: it shows what lies below, and nobody below looks at it."""
    above, below = floor(found.importer), floor(found.target)
    if not below:
        return bool(above)
    known = above in floors and below in floors  # what has no floor is another test's
    return known and floors.index(below) < floors.index(above)


def test_every_folder_has_a_floor() -> None:
    for package, floors in FLOORS.items():
        assert {floor(module) for module in modules_of(package)} - {""} <= set(floors), package


@packages
def test_imports_go_down_only(package: str) -> None:
    wrong = [found for found in imports_between(package) if goes_up(found, FLOORS[package])]
    assert not wrong, "\n".join(
        f"{found}: {floor(found.target) or 'the face'} stands above {floor(found.importer)}" for found in wrong
    )


IMPORTING_BY_NAME = {
    "preprocess/system/extensions.py",  # what users name, from outside
    "preprocess/faces.py",  # faces; `source_tree` reads their imports for type checkers
    "preprocess/commands/registry.py",  # the chosen command alone
    "cmr_clip/encoders/registry.py",  # kinds, by the names that files state
    "preprocess/inspection/films.py",  # libraries without types
    "preprocess/dicom/decoders.py",
}


def test_few_modules_import_by_name() -> None:
    """What these import cannot be read from their source, so they are few and known."""
    asked = ("import_module(", "__import__(", "spec_from_file_location(", " exec(")
    texts = {path: (ROOT / path).read_text(encoding="utf-8") for path in all_paths()}
    assert {path for path, text in texts.items() if any(word in text for word in asked)} == IMPORTING_BY_NAME


def all_paths() -> list[str]:
    return [path.relative_to(ROOT).as_posix() for package in PACKAGES for path in modules_of(package).values()]


def test_no_import_hides() -> None:
    """The reader of imports sees through a face, a function, a name in a text, and the negation of TYPE_CHECKING."""
    file = ROOT / "preprocess" / "hidden.py"
    text = """
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from preprocess.cli import main
if not TYPE_CHECKING:
    import torch
PLACE = "preprocess.conversion.run"
def late():
    from preprocess.store import read_manifest
"""
    statements = imports_in("preprocess.hidden", file, text)
    assert {(found.target, found.is_for_types) for found in statements if found.target != "typing"} == {
        ("preprocess.cli", True),
        ("torch", False),
        ("preprocess.conversion.run", False),
        ("preprocess.store.manifest", False),
    }


def test_preprocess_stands_alone() -> None:
    others = {"cmr_clip", "torch", "pytorch_lightning", "transformers"}
    assert not [str(found) for found in imports_of("preprocess") if found.target.partition(".")[0] in others]


def assert_no_circle(edges: list[tuple[str, str, Import]]) -> None:
    graph: dict[str, set[str]] = {node: set() for a, b, _ in edges for node in (a, b)}
    for above, below, _ in edges:
        graph[above].add(below)
    found = circles(graph)
    within = [
        str(statement) for above, below, statement in edges for group in found if above in group and below in group
    ]
    assert not found, "\n".join(["circles of imports:", *within])


def test_no_module_imports_itself_by_a_detour() -> None:
    """Imports for types only are no part of a circle."""
    statements = [found for package in PACKAGES for found in imports_between(package) if not found.is_for_types]
    assert_no_circle([(found.importer, found.target, found) for found in statements])


@packages
def test_rooms_of_a_folder_do_not_import_each_other_in_circles(package: str) -> None:
    """Folders side by side; a folder and the folders in it may share a contract."""
    edges = []
    for found in imports_between(package):
        ends = [folder_of(module) for module in (found.importer, found.target)]
        apart = next((i for i, (a, b) in enumerate(zip(*ends, strict=False)) if a != b), None)
        if apart is not None:
            above, below = (".".join(end[: apart + 1]) for end in ends)
            edges.append((above, below, found))
    assert edges
    assert_no_circle(edges)


def folder_of(module: str) -> list[str]:
    parts = module.split(".")
    return parts if ROOT.joinpath(*parts).is_dir() else parts[:-1]


@packages
def test_no_folder_is_crowded(package: str) -> None:
    counts = Counter(path.parent.relative_to(ROOT).as_posix() for path in modules_of(package).values())
    for module, path in modules_of(package).items():
        if path.name == "__init__.py":
            counts[module.replace(".", "/")] -= 1
    assert {folder: count for folder, count in counts.items() if count > MOST_MODULES} == {}
    assert counts["preprocess"] <= MOST_AT_THE_TOP


def test_no_file_is_long() -> None:
    files = [path for folder in (*PACKAGES, "tests", "benchmarks") for path in (ROOT / folder).rglob("*.py")]
    lines = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8").count("\n") for path in files}
    assert {name: count for name, count in lines.items() if count > MOST_LINES} == {}


# Folders whose tests lie elsewhere, and where.
TESTED_BY = {
    "cmr_clip/commands": "the rooms whose work they start, through `main`",
    "cmr_clip/training/callbacks": "tests/cmr_clip/training, tests/slurm",
    "preprocess/phantom/anatomy": "tests/preprocess/phantom: a simulated heart is judged as a whole",
    "preprocess/phantom/reporting": "tests/preprocess/phantom",
    "preprocess/phantom/scanner": "tests/preprocess/phantom",
    "preprocess/reports/language": "tests/preprocess/reports",
    "preprocess/system": "tests of the tables and runs that stand on it, tests/test_damage.py",
}


@packages
def test_tests_mirror_the_tree(package: str) -> None:
    tested = {
        path.parent.relative_to(ROOT / "tests").as_posix() for path in (ROOT / "tests" / package).rglob("test_*.py")
    }
    folders = {
        path.parent.relative_to(ROOT).as_posix() for path in modules_of(package).values() if path.name != "__init__.py"
    }
    assert not tested - folders, "these test no folder of that name"
    elsewhere = {folder for folder in TESTED_BY if folder.startswith(f"{package}/")}
    assert folders - tested - {package} == elsewhere


def test_helpers_lie_in_support() -> None:
    kinds = ("test_*.py", "conftest.py", "__init__.py")
    files = [path for path in (ROOT / "tests").rglob("*.py") if "support" not in path.relative_to(ROOT).parts]
    assert len(files) > 50
    assert not [str(path) for path in files if not any(path.match(kind) for kind in kinds)]
