"""The paper's master table (`parent_folder, accession, split`, a column per target) as labels and splits of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from preprocess.errors import PreprocessError
from preprocess.labels.readings import LabelTable, table_labels
from preprocess.labels.splits import SPLITS
from preprocess.privacy.keys import SiteKey
from preprocess.reports.matching import IdColumns
from preprocess.store.study_file import studies_in
from preprocess.system.tables import read_rows

__all__ = ["MasterTable", "read_master"]

_IDS = IdColumns("parent_folder", "accession")
_OTHERS = ("split", "view", "institution", "mri_folder")
_SUFFIXES = (".h5", ".hdf5")
_BINARY = {"", "0", "1"}


@dataclass(frozen=True)
class MasterTable:
    """The rows of a master table, values tidied.

    Attributes:
        path: the file.
        rows: text by column; `accession` without its suffix, missing values empty.
    """

    path: Path
    rows: Sequence[Mapping[str, str]]

    @property
    def binary(self) -> tuple[str, ...]:
        """Columns that hold nothing but 0, 1 and nothing: labels, and never a number that could name somebody."""
        return tuple(name for name in self._columns() if {row[name] for row in self.rows} <= _BINARY)

    @property
    def others(self) -> tuple[str, ...]:
        """Columns that may be targets too, if the user says so."""
        return tuple(name for name in self._columns() if name not in self.binary)

    @property
    def has_splits(self) -> bool:
        """Whether it has a column `split`."""
        return "split" in self.rows[0]

    def _columns(self) -> list[str]:
        known = (_IDS.patient, _IDS.study, *_OTHERS)
        return [name for name in self.rows[0] if name and name not in known]

    def labels(self, columns: Sequence[str]) -> LabelTable:
        """The table as labels, for `write_labels`.

        Raises:
            PreprocessError: a column is missing.
        """
        missing = [name for name in columns if name not in self.rows[0]]
        if missing:
            raise PreprocessError(f"{self.path} has no column {', '.join(missing)}", "check --columns")
        return LabelTable(self.rows, _IDS, table_labels(columns, _IDS))

    def splits(self, store: Path, key: SiteKey) -> list[tuple[str, str, str]]:
        """Patient, study and split of the store's studies that the table lists.

        Raises:
            PreprocessError: an unknown split, a study or a patient with more than one, or no study of the store.
        """
        given: dict[str, set[str]] = {}
        for row in self.rows:
            given.setdefault(key.study(*_IDS.identifiers(row)), set()).add(row["split"])
        rows = [(*keys, split) for keys in studies_in(store) for split in sorted(given.get(keys[1], ()))]
        _check_splits(self.path, rows)
        return rows


def _check_splits(path: Path, rows: Sequence[tuple[str, str, str]]) -> None:
    remedy = "make splits with cmr-preprocess splits"
    if not rows:
        raise PreprocessError(f"{path} lists no study of the store", "check parent_folder and accession")
    unknown = sum(split not in SPLITS for _, _, split in rows)
    if unknown:
        raise PreprocessError(f"{path}: {unknown} studies have another split than train, val and test", remedy)
    for column, what in ((1, "studies"), (0, "patients")):
        splits: dict[str, set[str]] = {}
        for row in rows:
            splits.setdefault(row[column], set()).add(row[2])
        shared = sum(len(own) > 1 for own in splits.values())
        if shared:
            raise PreprocessError(f"{path}: {shared} {what} are in more than one split", remedy)


def read_master(path: Path) -> MasterTable:
    """Read a master table.

    Raises:
        PreprocessError: no such table, a column is missing, or it has no row.
    """
    rows = read_rows(path, [_IDS.patient, _IDS.study])
    if not rows:
        raise PreprocessError(f"{path} has no rows", "name the master table that belongs to these files")
    return MasterTable(path, [{name: _tidy(name, value) for name, value in row.items()} for row in rows])


def _tidy(column: str, value: str) -> str:
    value = value.strip()
    if column == _IDS.study:
        name = PurePath(value)
        return name.stem if name.suffix.lower() in _SUFFIXES else value
    if column == _IDS.patient:
        return PurePath(value).name
    if value.lower() in ("nan", "na", "none"):
        return ""
    try:
        number = float(value)
    except ValueError:
        return value
    return str(int(number)) if number in (0.0, 1.0) else value
