"""The names of a table's columns, and of what a study file holds, stand in the module that owns them and only there.

Two ways of looking: names that mean nothing else (`position_mm`) may stand nowhere else at all; words (`study`, `kind`)
may stand elsewhere, but not where a table is asked for a column.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

from tests.support.paths import ROOT

# Elsewhere a column is an attribute of a row, or a constant of its owner.
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


WORDS = {
    "patient", "study", "view", "slice", "n_frames", "rows", "cols", "vendor", "model", "sex", "series", "source",
    "confidence", "outcome", "reason", "target", "truth", "score", "weight", "split", "kind", "same_patient", "leakage",
}  # fmt: skip
OWN_WORDS = {
    "preprocess/store/ledger.py",
    "preprocess/store/manifest.py",
    "preprocess/labels/table.py",
    "preprocess/labels/splits.py",
    "preprocess/legacy/master.py",  # the paper's table
    "preprocess/qc/rules.py",
    "preprocess/reports/index.py",
    "preprocess/verification/copies.py",
    "cmr_clip/tables/predictions.py",
    "cmr_clip/tables/embeddings.py",
}
# What is asked here for a word is no table: batches, and the plain values of files and configurations.
NO_TABLES = {
    "batch", "output", "head", "config", "data", "init_args", "description", "described", "said", "text", "tokenizer",
    "text_encoder", "state_dict", "found", "tuple", "Literal",
}  # fmt: skip
TABLE_METHODS = {
    "groupby", "sort_values", "drop_duplicates", "duplicated", "merge", "set_index", "rename", "reindex", "drop",
    "astype", "agg", "assign", "pivot", "read_csv", "read_parquet", "DataFrame",
}  # fmt: skip


def asked_of(node: ast.expr) -> set[str]:
    """The names in what is indexed: `a`, `b` and `x` of `a.b["x"]["y"]`."""
    names: set[str] = set()
    while isinstance(node, ast.Subscript | ast.Attribute):
        if isinstance(node, ast.Attribute):
            names.add(node.attr)
        elif isinstance(node.slice, ast.Constant):
            names.add(str(node.slice.value))
        node = node.value
    return names | ({node.id} if isinstance(node, ast.Name) else set())


def columns_asked_for(tree: ast.AST) -> set[tuple[int, str]]:
    """Lines and words: subscripts of tables, and arguments of what works on tables."""
    places: list[ast.AST] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant | ast.List | ast.Tuple):
            if not asked_of(node.value) & NO_TABLES:
                places.append(node.slice)
        elif isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in TABLE_METHODS:
                places += [*node.args, *(keyword.value for keyword in node.keywords if keyword.arg != "unit")]
    constants = [part for place in places for part in ast.walk(place) if isinstance(part, ast.Constant)]
    return {(part.lineno, part.value) for part in constants if isinstance(part.value, str) and part.value in WORDS}


def test_no_table_is_asked_for_a_column_by_a_literal() -> None:
    wrong = []
    for package in ("preprocess", "cmr_clip", "benchmarks"):
        for path in sorted((ROOT / package).rglob("*.py")):
            module = path.relative_to(ROOT).as_posix()
            if module not in OWN_WORDS:
                wrong += [f"{module}:{line}: {word}" for line, word in columns_asked_for(ast.parse(path.read_text()))]
    assert not wrong, "\n".join(sorted(wrong))


def test_literals_are_noticed() -> None:
    code = """
a = table["study"]; b = clips.loc[rows, ["view", "x"]]; c = t.groupby(["patient"]); d = t.merge(u, on="split")
e = batch["study"]; f = head["init_args"]["target"]; g = table[ClipColumn.STUDY]; h = t.assign(unit="study")
"""
    assert columns_asked_for(ast.parse(code)) == {(2, "study"), (2, "view"), (2, "patient"), (2, "split")}
