"""The clip manifest: a row per view and slice of a store, read from the headers of its files."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from preprocess.errors import PreprocessError
from preprocess.files import remove_stale, replacing, write_text
from preprocess.store import read_hashes, read_study, studies_in

__all__ = ["COLUMNS", "build_manifest", "read_manifest", "write_manifest"]

COLUMNS = {
    "study": "str",
    "patient": "str",
    "view": "str",
    "slice": "int64",
    "n_frames": "int64",
    "rows": "int64",
    "cols": "int64",
    "row_spacing_mm": "float64",
    "col_spacing_mm": "float64",
    "slice_thickness_mm": "float64",
    "vendor": "str",
    "model": "str",
    "field_strength_t": "float64",
    "sex": "str",
    "age_years": "float64",
    "pixel_sha256": "str",
}


def build_manifest(store: Path, progress: Callable[[int, int], None] | None = None) -> pd.DataFrame:
    """Read every study's headers (no pixels) into one table, sorted by study, view and slice.

    Args:
        store: the store.
        progress: called with (finished, total) studies.
    """
    studies = list(studies_in(store))
    rows: list[dict[str, Any]] = []
    for count, (patient, study) in enumerate(studies, start=1):
        rows.extend(_rows(store, patient, study))
        if progress:
            progress(count, len(studies))
    table: pd.DataFrame = pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)
    ordered: pd.DataFrame = table.sort_values(["study", "view", "slice"], ignore_index=True)
    return ordered


def _rows(store: Path, patient: str, study: str) -> Iterator[dict[str, Any]]:
    header = read_study(store, patient, study, with_pixels=False)
    _, hashes = read_hashes(store, patient, study)
    info = header.info
    for view, stack in header.views.items():
        for index, sha256 in enumerate(hashes[view]):
            yield {
                "study": study,
                "patient": patient,
                "view": view.value,
                "slice": index,
                "n_frames": int(stack.n_frames[index]),
                "rows": stack.pixels.shape[2],
                "cols": stack.pixels.shape[3],
                "row_spacing_mm": stack.pixel_spacing[0],
                "col_spacing_mm": stack.pixel_spacing[1],
                "slice_thickness_mm": stack.slice_thickness,
                "vendor": info.vendor,
                "model": info.model,
                "field_strength_t": info.field_strength,
                "sex": info.sex,
                "age_years": info.age,
                "pixel_sha256": sha256,
            }


def write_manifest(store: Path, table: pd.DataFrame) -> None:
    """Write `clips.parquet` and `clips.csv` into the store."""
    remove_stale(store / "clips.parquet")
    with replacing(store / "clips.parquet") as temporary:
        table.to_parquet(temporary, index=False)
    buffer = io.StringIO()
    table.to_csv(buffer, index=False, lineterminator="\n")
    write_text(store / "clips.csv", buffer.getvalue())


def read_manifest(store: Path) -> pd.DataFrame:
    """The clip manifest of a store; `store` may also be the `.parquet` or `.csv` file itself.

    Raises:
        PreprocessError: there is none.
    """
    path = store / "clips.parquet" if store.is_dir() else store
    if not path.is_file():
        raise PreprocessError(f"no clip manifest at {path}", "make the store with cmr-preprocess convert")
    if path.suffix == ".csv":
        table: pd.DataFrame = pd.read_csv(path, dtype=COLUMNS)
        filled: pd.DataFrame = table.fillna({name: "" for name, kind in COLUMNS.items() if kind == "str"})
        return filled
    stored: pd.DataFrame = pd.read_parquet(path)
    return stored
