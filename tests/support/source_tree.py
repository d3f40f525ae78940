"""The two packages as their source says: modules, import statements and public names, without importing anything."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.support.paths import ROOT

__all__ = ["PACKAGES", "Import", "circles", "face_of", "imports_in", "imports_of", "modules_of", "public_names"]

PACKAGES = ("preprocess", "cmr_clip")


@dataclass(frozen=True)
class Import:
    """One import statement of a module of ours.

    Attributes:
        path: of the file, from the root of the checkout.
        line: of the statement.
        importer: dotted name of the module; a package's is that of its folder.
        target: dotted name of what is imported: a module of ours where there is one of that name; for what a face
            shows, the module that the face fetches it from.
        name: what is taken out of the module; empty for the module itself.
        is_for_types: under `if TYPE_CHECKING`.
    """

    path: str
    line: int
    importer: str
    target: str
    name: str
    is_for_types: bool

    def __str__(self) -> str:
        taken = f" ({self.name})" if self.name else ""
        return f"{self.path}:{self.line}: {self.importer} imports {self.target}{taken}"


def modules_of(package: str) -> dict[str, Path]:
    """Files of a package by dotted name."""
    paths = sorted((ROOT / package).rglob("*.py"))
    assert paths, package
    return {_dotted(path): path for path in paths}


def _dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _is_module(name: str) -> bool:
    place = ROOT.joinpath(*name.split("."))
    return place.with_suffix(".py").is_file() or (place / "__init__.py").is_file()


@cache
def imports_of(package: str) -> tuple[Import, ...]:
    """Every import statement of a package, also inside functions and for types only; of ours and of others."""
    files = modules_of(package).items()
    return tuple(found for name, path in files for found in imports_in(name, path, path.read_text(encoding="utf-8")))


def imports_in(importer: str, path: Path, text: str) -> Iterator[Import]:
    """Every import statement of a module, given its text."""
    tree = ast.parse(text)
    for_types = {id(inner) for block in _blocks_for_types(tree) for inner in ast.walk(block)}
    shown = path.relative_to(ROOT).as_posix()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            taken = [(alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{shown}:{node.lineno}: imports are written in full"
            taken = [_place(node.module or "", alias.name) for alias in node.names]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _is_of_ours(node.value):
            taken = [(node.value, "")]  # for `import_module`, or a table of places
        else:
            continue
        for target, name in taken:
            yield Import(shown, node.lineno, importer, target, name, id(node) in for_types)


def _blocks_for_types(tree: ast.Module) -> list[ast.stmt]:
    """What stands under `if TYPE_CHECKING:`; its `else:` runs, as does what stands under `if not TYPE_CHECKING:`."""
    checks = [node for node in ast.walk(tree) if isinstance(node, ast.If)]
    known = ("TYPE_CHECKING", "typing.TYPE_CHECKING")
    return [statement for check in checks if ast.unparse(check.test) in known for statement in check.body]


def _place(module: str, name: str) -> tuple[str, str]:
    """Where `from module import name` goes: a module of ours, or one and a name that is taken out of it."""
    if _is_module(f"{module}.{name}"):
        return f"{module}.{name}", ""
    return face_of(module).get(name, module), name


def _is_of_ours(text: str) -> bool:
    return (
        text.partition(".")[0] in PACKAGES and "." in text and text.replace(".", "").isidentifier() and _is_module(text)
    )


@cache
def face_of(package: str) -> dict[str, str]:
    """The names that a package's face shows, with the module that each comes from; empty where there is no face."""
    file = ROOT.joinpath(*package.split("."), "__init__.py")
    if package.partition(".")[0] not in PACKAGES or not file.is_file():
        return {}
    tree = ast.parse(file.read_text(encoding="utf-8"))
    statements = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {alias.name: str(node.module) for node in statements for alias in node.names}


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Sets of nodes that reach each other, sorted; a node that points to itself is none."""
    reached = {node: _reached(node, graph) for node in graph}
    groups = {tuple(sorted(b for b in graph if b in reached[a] and a in reached[b])) for a in graph}
    return sorted(list(group) for group in groups if len(group) > 1)


def _reached(start: str, graph: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        for node in graph.get(waiting.pop(), set()) - found:
            found.add(node)
            waiting.append(node)
    return found


def public_names(path: Path) -> set[str]:
    """What a module lists in `__all__` and defines itself."""
    listed: set[str] = set()
    defined: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            defined.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
            defined |= names
            if "__all__" in names and node.value is not None:
                listed = set(ast.literal_eval(node.value))
    return listed & defined
