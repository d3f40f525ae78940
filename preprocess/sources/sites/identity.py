"""Who a file is about where its name says so and its header does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

__all__ = ["Identity", "parts_of"]


@dataclass(frozen=True)
class Identity:
    """A patient and a study as a data set names them; hashed with `SiteKey` before anything is written.

    Attributes:
        patient: goes into `SiteKey.patient(patient)`.
        study: goes into `SiteKey.study(patient, study)`.
        site: name of the data set.
    """

    patient: str
    study: str
    site: str


def parts_of(path: PurePath | str) -> Sequence[str]:
    """The components of a path; archives made on Windows may separate theirs by backslashes."""
    return [part for part in str(path).replace("\\", "/").split("/") if part]
