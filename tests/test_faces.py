"""Every package's face gives the names it states, and costs nothing before they are used."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from tests.support.paths import ROOT

LIGHT = ["numpy", "pandas", "h5py", "torch", "pytorch_lightning", "transformers", "jsonargparse", "pydicom", "rich"]


def stated(file: Path) -> dict[str, str]:
    """Name to module, as the block for type checkers states them."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    blocks = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    imports = [node for block in blocks for node in block.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: str(node.module) for node in imports for alias in node.names if alias.asname == alias.name}


FACES = {
    ".".join(file.parent.relative_to(ROOT).parts): stated(file)
    for top in ("cmr_clip", "preprocess")
    for file in sorted((ROOT / top).rglob("__init__.py"))
    if "face(" in file.read_text(encoding="utf-8")
}


def test_the_rooms_have_faces() -> None:
    wanted = {"cmr_clip", "cmr_clip.tasks", "cmr_clip.data", "cmr_clip.models", "cmr_clip.encoders"}
    wanted |= {"cmr_clip.training.callbacks", "preprocess.store", "preprocess.conversion", "preprocess.labels"}
    assert wanted <= FACES.keys()


@pytest.mark.parametrize("package", FACES)
def test_a_face_gives_what_it_states(package: str) -> None:
    names, face = FACES[package], import_module(package)
    assert sorted(names) == face.__all__ == [name for name in dir(face) if not name.startswith("_")]
    for name, module in names.items():
        home = import_module(module)
        assert getattr(face, name) is getattr(home, name), name
        assert name in home.__all__, f"{name} is not public in {module}"
        assert not (ROOT / package.replace(".", "/") / f"{name}.py").exists(), f"{name} is a module, too"
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        face.Nothing  # noqa: B018


def test_faces_import_nothing_before_a_name_is_used() -> None:
    code = f"import sys, {', '.join(FACES)}; print(*[name for name in {LIGHT} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == []
