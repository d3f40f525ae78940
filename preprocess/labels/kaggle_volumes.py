"""The volumes of Kaggle's Data Science Bowl, from either form of its tables.

`train.csv` and `validate.csv` have `Id,Systole,Diastole`, `solution.csv` has a row for each volume: `Id,Volume,Usage`
with Ids such as `701_Systole`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from preprocess.errors import PreprocessError
from preprocess.sources.sites.kaggle import identity
from preprocess.system.tables import read_rows

__all__ = ["DIASTOLE", "ID", "SYSTOLE", "Volumes", "read_volumes"]

ID, SYSTOLE, DIASTOLE = "Id", "Systole", "Diastole"


@dataclass(frozen=True)
class Volumes:
    """Volumes of the left ventricle in mL, as text.

    Attributes:
        rows: `Id` (the patient of `kaggle.identity`), `Systole` and `Diastole`, empty where not stated.
        unknown: number of rows whose Id is none of the data set.
    """

    rows: list[dict[str, str]]
    unknown: int


def read_volumes(paths: Iterable[Path]) -> Volumes:
    """Read tables of both forms.

    Raises:
        PreprocessError: not a table, or of neither form.
    """
    found = [row for path in paths for row in _wide(path)]
    rows = [{**row, ID: who.patient} for row in found if (who := identity(row[ID])) is not None]
    return Volumes(rows, len(found) - len(rows))


def _wide(path: Path) -> list[dict[str, str]]:
    rows = read_rows(path, [ID])
    columns = set(rows[0]) if rows else set()
    if {SYSTOLE, DIASTOLE} <= columns:
        return [{name: row[name].strip() for name in (ID, SYSTOLE, DIASTOLE)} for row in rows]
    if "Volume" in columns:
        return _joined(rows)
    raise PreprocessError(
        f"{path} has neither the columns Systole and Diastole nor the column Volume",
        "give train.csv, validate.csv or solution.csv of the Data Science Bowl",
    )


def _joined(rows: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """One row from the two of a patient; a volume that is stated again starts another row."""
    joined: dict[tuple[str, int], dict[str, str]] = {}
    odd = []
    for row in rows:
        number, _, phase = row[ID].strip().partition("_")
        if phase not in (SYSTOLE, DIASTOLE):
            odd.append({ID: "", SYSTOLE: "", DIASTOLE: ""})
            continue
        repeat = 0
        while phase in joined.get((number, repeat), {}):
            repeat += 1
        joined.setdefault((number, repeat), {ID: number})[phase] = row["Volume"].strip()
    return [{SYSTOLE: "", DIASTOLE: "", **both} for both in joined.values()] + odd
