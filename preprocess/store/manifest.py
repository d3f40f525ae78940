"""The clip manifest: a row per view and slice of a store, read from the headers of its files."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from preprocess.errors import PreprocessError
from preprocess.store.study_file import read_hashes, read_study, studies_in, study_path
from preprocess.system.files import remove_stale, replacing, write_text

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

_COARSE = 3.0  # seconds


def build_manifest(store: Path, progress: Callable[[int, int], None] | None = None) -> pd.DataFrame:
    """One table of all studies' headers (no pixels), sorted by study, view and slice.

    Of studies that are older than the manifest in the store its rows are taken over, so that a few new studies in a
    large store cost little; remove `clips.parquet` to have every file read.

    Args:
        store: the store.
        progress: called with (finished, total) studies.
    """
    studies = list(studies_in(store))
    known, written = _written(store)
    old = set(known["study"])
    fresh = [
        (patient, study) for patient, study in studies if study not in old or _changed(store, patient, study, written)
    ]
    rows: list[dict[str, Any]] = []
    for count, (patient, study) in enumerate(fresh, start=1):
        rows.extend(_rows(store, patient, study))
        if progress:
            progress(count, len(fresh))
    taken_over = {study for _, study in studies} - {study for _, study in fresh}
    table = pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)
    both = pd.concat([known[known["study"].isin(taken_over)], table]).astype(COLUMNS)
    ordered: pd.DataFrame = both.sort_values(["study", "view", "slice"], ignore_index=True)
    return ordered


def _written(store: Path) -> tuple[pd.DataFrame, float]:
    """The store's own manifest and when it was written; an empty table where there is none to rely on."""
    path = store / "clips.parquet"
    try:
        table = pd.read_parquet(path)
        if list(table.columns) == list(COLUMNS):
            return table, path.stat().st_mtime
    except (OSError, ValueError):  # none, or damaged
        pass
    return pd.DataFrame(columns=list(COLUMNS)).astype(COLUMNS), 0.0


def _changed(store: Path, patient: str, study: str, since: float) -> bool:
    """True for a file that may be newer than a time; the clocks of file systems are coarse."""
    return study_path(store, patient, study).stat().st_mtime > since - _COARSE


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
