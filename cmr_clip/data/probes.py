"""Zero-shot probes: findings described in words, and the label columns that say who has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from cmr_clip.errors import CmrClipError
from cmr_clip.runtime.yaml_file import read_mapping

__all__ = ["Probe", "probe_truth", "read_probes"]

_FIELDS = {"prompts", "against", "column", "equals"}


class Probe(NamedTuple):
    """One finding.

    Attributes:
        finding: its name.
        prompts: sentences that a report of it would hold.
        against: sentences that a report without it would hold.
        column: label column.
        equals: value of the column where the finding is present; any other value means absent, none means unknown.
    """

    finding: str
    prompts: list[str]
    against: list[str]
    column: str
    equals: str


def read_probes(path: Path) -> list[Probe]:
    """Read a YAML of probes.

    `finding: {prompts: […], against: […], column: NAME, equals: VALUE}`; `column` defaults to the finding, `equals`
    to 1.

    Raises:
        CmrClipError: no such file, no YAML in UTF-8, or an entry that is no probe.
        MachineError: the machine could not read it.
    """
    probes = []
    for name, entry in read_mapping(path, "see configs/probes/phantom.yaml").items():
        known = isinstance(entry, dict) and set(entry) <= _FIELDS
        prompts, against = (_texts(entry.get(field)) for field in ("prompts", "against")) if known else ([], [])
        if not prompts or not against:
            remedy = "it needs prompts and against, each a list of sentences; column; equals"
            raise CmrClipError(f"{path}: {name} is no probe", remedy)
        column, equals = str(entry.get("column", name)), str(entry.get("equals", "1"))
        probes.append(Probe(str(name), prompts, against, column, equals))
    return probes


def _texts(value: Any) -> list[str]:
    """The value if it is a list of texts, otherwise nothing."""
    return value if isinstance(value, list) and all(isinstance(text, str) for text in value) else []


def probe_truth(labels: pd.DataFrame, probes: list[Probe]) -> pd.DataFrame:
    """Who has which finding: a column of 0, 1 or NaN per probe, indexed by study.

    Raises:
        CmrClipError: the labels have no such column, or it holds numbers and the probe asks for a word.
    """
    truth: dict[str, pd.Series[float]] = {}
    for probe in probes:
        if probe.column not in labels:
            raise CmrClipError(
                f"probe {probe.finding!r} needs a label column {probe.column!r}", f"there are {list(labels.columns)}"
            )
        column = labels[probe.column]
        wanted: float | str = probe.equals
        if pd.api.types.is_numeric_dtype(column):
            try:
                wanted = float(probe.equals)
            except ValueError:
                raise CmrClipError(
                    f"probe {probe.finding!r} asks where {probe.column!r} equals {probe.equals!r}, "
                    "but that label column holds numbers",
                    "give a number for equals, or the column that holds the word",
                ) from None
        truth[probe.finding] = (column == wanted).astype(float).where(column.notna() & (column != ""))
    table: pd.DataFrame = pd.DataFrame(truth, index=labels.index)
    return table
