"""The names of a table's columns, and of what a study file holds, stand in the module that owns them and only there."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

from tests.support.paths import ROOT

# Telling names only: `study`, `view` or `score` are words of every module. Elsewhere a column is an attribute of a row,
# or a constant of its owner.
OWNERS = {
    "preprocess/store/ledger.py": ("position_mm", "n_files"),
    "preprocess/store/manifest.py": (
        "row_spacing_mm", "col_spacing_mm", "slice_thickness_mm", "field_strength_t", "age_years",
    ),
    "preprocess/store/schema.py": (
        "schema_version", "field_strength", "pixel_spacing", "slice_thickness",
        "image_orientation", "image_position", "trigger_time", "intensity_window", "intensity_percentiles",
        "percentile_window", "slice_sha256", "pixel_sha256",
    ),
    "cmr_clip/tables/embeddings.py": ("e0", r"e(\d+)"),
}  # fmt: skip
FILES = {
    "preprocess/store/ledger.py": ("ledger.csv",),
    "preprocess/store/manifest.py": ("clips.parquet", "clips.csv"),
}
# The same name for the same thing: SHA-256 of pixels in two more tables.
ALSO = {
    "preprocess/store/manifest.py": {"pixel_sha256"},
    "preprocess/verification/cache.py": {"pixel_sha256"},
}


def literals(path: Path) -> set[str]:
    """String literals of a module, without docstrings and without the names that it exports."""
    tree = ast.parse(path.read_text())
    exported = {
        id(constant)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and any(isinstance(to, ast.Name) and to.id == "__all__" for to in node.targets)
        for constant in ast.walk(node.value)
    }
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in exported
    }


def test_nobody_but_its_owner_names_a_column() -> None:
    owner_of = {name: owner for table in (OWNERS, FILES) for owner, names in table.items() for name in names}
    wrong = defaultdict(list)
    for package in ("preprocess", "cmr_clip"):
        for path in sorted((ROOT / package).rglob("*.py")):
            module = str(path.relative_to(ROOT))
            for name in literals(path) & set(owner_of) - ALSO.get(module, set()):
                if owner_of[name] != module:
                    wrong[module].append(name)
    assert not wrong, "\n".join(f"{module}: {', '.join(names)}" for module, names in sorted(wrong.items()))


def test_the_owners_name_them() -> None:
    for table in (OWNERS, FILES):
        for owner, names in table.items():
            text = (ROOT / owner).read_text()
            missing = [name for name in names if name != "e0" and name not in text]
            assert not missing, f"{owner}: {missing}"
