"""Who a file is about where its name says so and its header does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import PurePath

__all__ = ["Identity", "Layout", "parts_of"]


class Layout(Enum):
    """A public data set that puts the identity into file names."""

    UKBIOBANK = "ukbiobank"
    KAGGLE = "kaggle"
    ACDC = "acdc"


@dataclass(frozen=True)
class Identity:
    """A patient and a study as the data set names them; hashed with `SiteKey` before anything is written.

    Attributes:
        patient: goes into `SiteKey.patient(patient)`.
        study: goes into `SiteKey.study(patient, study)`.
        layout: the data set.
    """

    patient: str
    study: str
    layout: Layout


def parts_of(path: PurePath | str) -> Sequence[str]:
    """The components of a path; archives made on Windows may separate theirs by backslashes."""
    return [part for part in str(path).replace("\\", "/").split("/") if part]
