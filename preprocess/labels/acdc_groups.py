"""The diagnostic groups of ACDC, from the `Info.cfg` of each patient's folder (`Group: DCM`)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

from preprocess.errors import PreprocessError
from preprocess.sources.sites.acdc import PATIENT

__all__ = ["GROUP", "PATIENT_ID", "Group", "read_groups"]

PATIENT_ID, GROUP = "patient", "Group"
_LARGEST = 64 << 10  # bytes; real ones have six lines


class Group(Enum):
    """What ACDC's patients have."""

    NOR = "NOR"
    MINF = "MINF"
    DCM = "DCM"
    HCM = "HCM"
    RV = "RV"


def read_groups(folder: Path) -> list[dict[str, str]]:
    """`patient` and `Group` (empty where not stated) of every `patientNNN/Info.cfg` under a folder.

    Raises:
        PreprocessError: there is none.
    """
    rows = [{PATIENT_ID: file.parent.name, GROUP: _group(file)} for file in _files(folder)]
    if not rows:
        raise PreprocessError(f"no patientNNN/Info.cfg under {folder}", "name the unpacked folder of ACDC")
    return rows


def _files(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder.resolve()):
        folders.sort()
        if "Info.cfg" in files and PATIENT.fullmatch(Path(root).name):
            yield Path(root) / "Info.cfg"


def _group(file: Path) -> str:
    """The value of the line `Group: …`; empty where there is none or the file cannot be read."""
    try:
        with file.open("rb") as stream:
            text = stream.read(_LARGEST).decode("utf-8-sig", errors="replace")
    except OSError:
        return ""
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == GROUP:
            return value.strip()
    return ""
