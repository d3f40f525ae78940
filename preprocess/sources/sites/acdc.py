"""ACDC (Automated Cardiac Diagnosis Challenge): short-axis cines as `patientNNN_4d.nii.gz`, and what lies beside them.

A patient's folder also holds single phases, their segmentations and `Info.cfg`, whose `Group: DCM` becomes a label.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from enum import Enum
from pathlib import Path, PurePath

from preprocess.errors import PreprocessError
from preprocess.sources.sites.identity import Identity, parts_of
from preprocess.sources.sites.protocol import Aside, LabelOption, LabelRow, Site, SiteLabels
from preprocess.store.views import View

__all__ = ["SIDE_FILE", "Acdc", "Group"]

SIDE_FILE = "ACDC side file (single phase, segmentation or text), not the cine"

_PATIENT = re.compile(r"patient\d{3}", re.ASCII)
_VOLUME = re.compile(r"(patient\d{3})_4d\.nii(?:\.gz)?", re.ASCII)
_SIDE_FILE = re.compile(r"patient\d{3}_(?:frame\d{2,3}(?:_gt)?|4d_gt)\.nii(?:\.gz)?|MANDATORY_CITATION\.md", re.ASCII)
_INFO, _GROUP = "Info.cfg", "Group"
_LARGEST = 64 << 10  # bytes of an Info.cfg; real ones have six lines


class Group(Enum):
    """What ACDC's patients have."""

    NOR = "NOR"
    MINF = "MINF"
    DCM = "DCM"
    HCM = "HCM"
    RV = "RV"


class Acdc(Site):
    """Volumes, side files and diagnostic groups."""

    name = "acdc"
    title = "ACDC"
    files = "volumes patientNNN_4d.nii.gz of ACDC"
    label_option = LabelOption("FOLDER", "unpacked ACDC, for its diagnostic groups")

    def identify(self, path: PurePath) -> Identity | None:
        """The patient of a 4-D volume."""
        parts = parts_of(path)
        found = _VOLUME.fullmatch(parts[-1]) if parts else None
        return Identity(found[1], found[1], self.name) if found else None

    def aside(self, path: PurePath) -> Aside | None:
        """What a patient's folder holds beside the cine; a lone `Info.cfg` counts, one of another folder does not."""
        parts = parts_of(path)
        if not parts:
            return None
        if parts[-1] == _INFO:
            is_own = len(parts) == 1 or _PATIENT.fullmatch(parts[-2]) is not None
        else:
            is_own = _SIDE_FILE.fullmatch(parts[-1]) is not None
        return Aside(SIDE_FILE) if is_own else None

    def volume_view(self, path: PurePath) -> View | None:
        """All images of the data set are short-axis cines."""
        return View.SAX

    def labels(self, paths: Sequence[Path]) -> SiteLabels:
        """A column of 0 and 1 for each group.

        Raises:
            PreprocessError: there is no `patientNNN/Info.cfg` under a folder.
        """
        rows: list[LabelRow] = []
        for folder in paths:
            found: list[LabelRow] = []
            for root, folders, files in os.walk(folder.resolve()):
                folders.sort()
                if _INFO in files and _PATIENT.fullmatch(Path(root).name):
                    found.append(_row(Path(root) / _INFO))
            if not found:
                raise PreprocessError(f"no patientNNN/Info.cfg under {folder}", "name the unpacked folder of ACDC")
            rows += found
        return SiteLabels(tuple(group.value for group in Group), tuple(rows))


def _row(file: Path) -> LabelRow:
    """The group by the line `Group: …`; what is stated is empty where there is none or the file cannot be read."""
    try:
        with file.open("rb") as stream:
            text = stream.read(_LARGEST).decode("utf-8-sig", errors="replace")
    except OSError:
        text = ""
    lines = [line.partition(":") for line in text.splitlines()]
    stated = next((value.strip() for name, _, value in lines if name.strip() == _GROUP), "")
    patient, known = file.parent.name, [group.value for group in Group]
    if stated not in known:
        reason = f"the group is none of {', '.join(known)}"
        return LabelRow(patient, patient, stated, ("",) * len(known), reason)
    return LabelRow(patient, patient, stated, tuple("1" if stated == name else "0" for name in known))
