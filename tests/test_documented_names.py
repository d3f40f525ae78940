"""The files, modules, names and Python examples that the documentation mentions exist."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.paths import ROOT

TOP = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "configs/README.md")]
PAGES = sorted([*TOP, *(ROOT / "docs").glob("*.md")])

pages = pytest.mark.parametrize(
    "page", PAGES, ids=lambda page: page.name if page.parent != ROOT / "configs" else "configs"
)


def spans(page: Path) -> set[str]:
    """What stands between backticks within a line."""
    return set(re.findall(r"`([^`\n]+)`", page.read_text(encoding="utf-8")))


def is_name(text: str) -> bool:
    """Whether a dotted name is a module of ours, or something in one."""
    top, *rest = text.split(".")
    found: object = import_module(top)
    for part in rest:
        place = f"{found.__name__}.{part}" if isinstance(found, ModuleType) else ""
        if place and hasattr(found, "__path__") and find_spec(place):
            found = import_module(place)
        elif hasattr(found, part):
            found = getattr(found, part)
        else:
            return False
    return True


@pages
def test_paths_exist(page: Path) -> None:
    """Sources, settings and scripts named with their folder, from the root of the tree, a package, or `configs`."""
    tops = [ROOT / top for top in (".", "preprocess", "cmr_clip", "configs")]
    ours = r"(?:preprocess|cmr_clip|configs|slurm|tests|benchmarks|docs)/[\w./-]+"
    wrong = {span for span in spans(page) if re.fullmatch(ours, span) and not (ROOT / span).exists()}
    sources = {span for span in spans(page) if re.fullmatch(r"[\w.-]+/[\w./-]+\.(?:py|sbatch|sh|toml)", span)}
    wrong |= {span for span in sources if not any((top / span).exists() for top in tops)}
    assert not wrong


@pages
def test_dotted_names_exist(page: Path) -> None:
    dotted = {span for span in spans(page) if re.fullmatch(r"(?:cmr_clip|preprocess|benchmarks|tests)(?:\.\w+)+", span)}
    assert not {name for name in dotted if not is_name(name)}


@pages
def test_examples_in_python_compile_and_import_what_exists(page: Path) -> None:
    for block in re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in ("preprocess", "cmr_clip"):
                assert not [alias.name for alias in node.names if not is_name(f"{node.module}.{alias.name}")], block


def test_wrong_names_are_noticed() -> None:
    assert is_name("cmr_clip.tasks.ContrastivePretraining") and is_name("preprocess.store.manifest.read_manifest")
    assert not is_name("cmr_clip.tasks.base") and not is_name("preprocess.store.Nothing")
