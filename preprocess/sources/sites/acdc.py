"""ACDC (Automated Cardiac Diagnosis Challenge): short-axis cines as `patientNNN_4d.nii.gz`, and what lies beside them.

A patient's folder also holds single phases, their segmentations and `Info.cfg`, whose group becomes a label.
"""

from __future__ import annotations

import re
from pathlib import PurePath

from preprocess.cines.pixels import Bits
from preprocess.sources.sites.identity import Identity, Layout, parts_of
from preprocess.store.study import CineStack

__all__ = ["IN_ORDER", "SIDE_FILE", "UNORDERED", "identify", "is_side_file", "is_volume", "read_volume", "reason"]

SIDE_FILE = "ACDC side file (single phase, segmentation or text), not the cine"
IN_ORDER = "file name: ACDC short axis; slices from base to apex"
UNORDERED = "file name: ACDC short axis; slices as in the file, its affine does not tell base from apex"

PATIENT = re.compile(r"patient\d{3}", re.ASCII)
_VOLUME = re.compile(r"(patient\d{3})_4d\.nii(?:\.gz)?", re.ASCII)
_SIDE_FILE = re.compile(r"patient\d{3}_(?:frame\d{2,3}(?:_gt)?|4d_gt)\.nii(?:\.gz)?|MANDATORY_CITATION\.md", re.ASCII)


def identify(path: PurePath) -> Identity | None:
    """The patient of a 4-D volume."""
    parts = parts_of(path)
    name = _VOLUME.fullmatch(parts[-1]) if parts else None
    return Identity(name[1], name[1], Layout.ACDC) if name else None


def is_volume(name: str) -> bool:
    """True for the name of a cine, with or without folders."""
    return identify(PurePath(name)) is not None


def is_side_file(name: str) -> bool:
    """True for what a patient's folder holds beside the cine; a lone `Info.cfg` counts, one of another folder not."""
    parts = parts_of(name)
    if not parts:
        return False
    if parts[-1] == "Info.cfg":
        return len(parts) == 1 or PATIENT.fullmatch(parts[-2]) is not None
    return _SIDE_FILE.fullmatch(parts[-1]) is not None


def read_volume(data: bytes, bits: Bits) -> CineStack:
    """Read a 4-D NIfTI-1 file (`.nii` or `.nii.gz`) as a short-axis stack, see `preprocess.sources.nifti.volume`.

    Args:
        data: the whole file.
        bits: as for DICOM: 8 maps the robust window to 0–255, 16 keeps stored integers.

    Raises:
        PreprocessError: not such a file, damaged, of absurd size, or no cine.
    """
    from preprocess.sources.nifti.volume import read_stack

    return read_stack(data, bits)


def reason(stack: CineStack) -> str:
    """What the ledger says of a stored volume: `IN_ORDER`, or `UNORDERED` where the plane is no short-axis plane."""
    from preprocess.sources.nifti.volume import is_short_axis

    return IN_ORDER if is_short_axis(stack.image_orientation) else UNORDERED
