"""The clip manifest: a row per view and slice of a store, read from the headers of its files.

Owner of `clips.parquet` and `clips.csv`: nobody else names their columns.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import pandas as pd
from pandas.api.types import is_integer_dtype, is_numeric_dtype, is_string_dtype

from preprocess.errors import DamagedFileError, MachineError, PreprocessError, machine_fault
from preprocess.store.study_file import read_hashes, read_study, studies_in, study_path
from preprocess.system.files import write_text
from preprocess.system.parquet import parquet_pieces, read_parquet, write_parquet

__all__ = [
    "MANIFEST_COLUMNS",
    "MANIFEST_FILES",
    "ClipColumn",
    "ManifestRow",
    "build_manifest",
    "checked_manifest",
    "manifest_pieces",
    "read_manifest",
    "write_manifest",
]

MANIFEST_FILES = _PARQUET, _CSV = "clips.parquet", "clips.csv"


@dataclass(frozen=True)
class ManifestRow:
    """One line of the manifest; unknown values are empty or NaN.

    Attributes:
        study: key.
        patient: key.
        view: name of the data set.
        slice: index within the view.
        n_frames: of this slice.
        rows: pixels.
        cols: pixels.
        row_spacing_mm: distance of rows.
        col_spacing_mm: distance of columns.
        slice_thickness_mm: of the view.
        vendor: of a closed vocabulary.
        model: of the scanner.
        field_strength_t: T.
        sex: `F`, `M`, `O` or empty.
        age_years: 90 stands for everything above 89.
        pixel_sha256: of the slice's cine.
    """

    study: str
    patient: str
    view: str
    slice: int
    n_frames: int
    rows: int
    cols: int
    row_spacing_mm: float
    col_spacing_mm: float
    slice_thickness_mm: float
    vendor: str
    model: str
    field_strength_t: float
    sex: str
    age_years: float
    pixel_sha256: str


class ClipColumn:
    """The columns by name, for those who work on the table as a whole."""

    STUDY: Final = "study"
    PATIENT: Final = "patient"
    VIEW: Final = "view"
    SLICE: Final = "slice"
    N_FRAMES: Final = "n_frames"
    ROWS: Final = "rows"
    COLS: Final = "cols"
    ROW_SPACING: Final = "row_spacing_mm"
    COL_SPACING: Final = "col_spacing_mm"
    SLICE_THICKNESS: Final = "slice_thickness_mm"
    VENDOR: Final = "vendor"
    MODEL: Final = "model"
    FIELD_STRENGTH: Final = "field_strength_t"
    SEX: Final = "sex"
    AGE: Final = "age_years"
    SHA256: Final = "pixel_sha256"


_KINDS = {"str": "str", "int": "int64", "float": "float64"}
MANIFEST_COLUMNS = {column.name: _KINDS[str(column.type)] for column in fields(ManifestRow)}
_REMEDY = "make it again with cmr-preprocess convert"

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
    # The store's own manifest and when it was written; an empty table where there is none to rely on.
    path, written = store / _PARQUET, 0.0
    known = pd.DataFrame(columns=list(MANIFEST_COLUMNS)).astype(MANIFEST_COLUMNS)
    if path.is_file():
        with suppress(DamagedFileError):  # made anew from the files
            table = checked_manifest(path)
            known, written = table[_is_whole(table)], path.stat().st_mtime
    old = set(known["study"])
    fresh = [  # the clocks of file systems are coarse
        (patient, study)
        for patient, study in studies
        if study not in old or study_path(store, patient, study).stat().st_mtime > written - _COARSE
    ]
    rows: list[ManifestRow] = []
    for count, (patient, study) in enumerate(fresh, start=1):
        rows.extend(_rows(store, patient, study))
        if progress:
            progress(count, len(fresh))
    taken_over = {study for _, study in studies} - {study for _, study in fresh}
    fresh_table = pd.DataFrame(map(vars, rows), columns=list(MANIFEST_COLUMNS)).astype(MANIFEST_COLUMNS)
    both = pd.concat([known[known["study"].isin(taken_over)], fresh_table]).astype(MANIFEST_COLUMNS)
    ordered: pd.DataFrame = both.sort_values(["study", "view", "slice"], ignore_index=True)
    return ordered


def _is_whole(table: pd.DataFrame) -> pd.Series[bool]:
    """Which rows are of studies whose rows can be taken over: in each view, slices from 0 on, each of them once."""
    slices = table.groupby([ClipColumn.STUDY, ClipColumn.PATIENT, ClipColumn.VIEW])[ClipColumn.SLICE]
    is_sound = (slices.transform("min") == 0) & (slices.transform("max") == slices.transform("size") - 1)
    is_sound &= slices.transform("nunique") == slices.transform("size")
    whole: pd.Series[bool] = is_sound.groupby(table[ClipColumn.STUDY]).transform("all")
    return whole


def _rows(store: Path, patient: str, study: str) -> Iterator[ManifestRow]:
    header = read_study(store, patient, study, with_pixels=False)
    _, hashes = read_hashes(store, patient, study)
    info = header.info
    for view, stack in header.views.items():
        for index, sha256 in enumerate(hashes[view]):
            yield ManifestRow(
                study=study,
                patient=patient,
                view=view.value,
                slice=index,
                n_frames=int(stack.n_frames[index]),
                rows=stack.pixels.shape[2],
                cols=stack.pixels.shape[3],
                row_spacing_mm=stack.pixel_spacing[0],
                col_spacing_mm=stack.pixel_spacing[1],
                slice_thickness_mm=stack.slice_thickness,
                vendor=info.vendor,
                model=info.model,
                field_strength_t=info.field_strength,
                sex=info.sex,
                age_years=info.age,
                pixel_sha256=sha256,
            )


def write_manifest(store: Path, table: pd.DataFrame) -> None:
    """Write `clips.parquet` and `clips.csv` into the store."""
    write_parquet(store / _PARQUET, table)
    buffer = io.StringIO()
    table.to_csv(buffer, index=False, lineterminator="\n")
    write_text(store / _CSV, buffer.getvalue())


def read_manifest(store: Path) -> pd.DataFrame:
    """The clip manifest of a store; `store` may also be the `.parquet` or `.csv` file itself.

    Raises:
        PreprocessError: there is none.
        DamagedFileError: it is damaged.
        MachineError: the machine could not read it.
    """
    path = _path(store)
    if path.suffix != ".csv":
        return read_parquet(path, _REMEDY)
    try:
        table: pd.DataFrame = pd.read_csv(path, dtype=MANIFEST_COLUMNS)
    except ValueError as error:  # no UTF-8, no table, or a cell that is no number
        raise DamagedFileError(f"{path} is no clip manifest ({type(error).__name__})", _REMEDY) from error
    except OSError as error:
        raise MachineError(f"{path} cannot be read: {machine_fault(error)}") from error
    filled: pd.DataFrame = table.fillna({name: "" for name, kind in MANIFEST_COLUMNS.items() if kind == "str"})
    return filled


def checked_manifest(path: Path) -> pd.DataFrame:
    """The same, with every column in its type.

    Raises:
        DamagedFileError: also where a column is missing or of another type.
    """
    table = read_manifest(path)
    _check(path, table)
    typed: pd.DataFrame = table[list(MANIFEST_COLUMNS)].astype(MANIFEST_COLUMNS)
    return typed


def manifest_pieces(store: Path, rows: int = 100_000) -> Iterator[pd.DataFrame]:
    """The clip manifest of a store in pieces of so many rows, so that memory does not grow with it.

    Raises:
        PreprocessError: there is none.
        DamagedFileError: it is damaged, or a column is missing or of another type.
        MachineError: the machine could not read it.
    """
    path = _path(store)
    for piece in parquet_pieces(path, rows, _REMEDY):
        _check(path, piece)
        yield piece


def _path(store: Path) -> Path:
    path = store / _PARQUET if store.is_dir() else store
    if not path.is_file():
        raise PreprocessError(f"no clip manifest at {path}", "make the store with cmr-preprocess convert")
    return path


_FITS: dict[str, Callable[[Any], bool]] = {
    "str": is_string_dtype, "int64": is_integer_dtype, "float64": is_numeric_dtype
}  # fmt: skip


def _check(path: Path, table: pd.DataFrame) -> None:
    wrong = [name for name, kind in MANIFEST_COLUMNS.items() if name not in table or not _FITS[kind](table[name].dtype)]
    if wrong and not (table.empty and set(MANIFEST_COLUMNS) <= set(table.columns)):
        raise DamagedFileError(f"{path} is no clip manifest (column {', '.join(wrong)})", _REMEDY)
