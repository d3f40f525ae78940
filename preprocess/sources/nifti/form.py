"""The header of a 4-D NIfTI-1 file: sizes, scale and geometry, in DICOM's terms.

NIfTI counts mm to the patient's right, front and head (RAS), DICOM to the left, back and head (LPS).
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError

from preprocess.cines.series import no_cine
from preprocess.errors import PreprocessError
from preprocess.system.quiet import quiet

__all__ = ["HEADER_BYTES", "Form", "read_form"]

HEADER_BYTES = 348
_MOST_OFFSET = 16 << 20  # bytes of extensions between header and values
_MM = {"unknown": 1.0, "mm": 1.0, "meter": 1e3, "micron": 1e-3}
_MS = {"sec": 1e3, "msec": 1.0, "usec": 1e-3}


@dataclass(frozen=True)
class Form:
    """What the header of a 4-D volume says.

    Attributes:
        shape: (x, y, z, t).
        kind: type of a stored number.
        offset: of the first one, in bytes.
        slope: scanner's value over stored number.
        intercept: scanner's value of a stored 0.
        affine: `[3, 4]`, voxel (x, y, z, 1) to mm, LPS.
        step: ms between phases; NaN where not stated.
    """

    shape: tuple[int, int, int, int]
    kind: np.dtype[Any]
    offset: int
    slope: float
    intercept: float
    affine: npt.NDArray[np.float64]
    step: float

    @property
    def size(self) -> int:
        """Bytes of all stored numbers."""
        return math.prod(self.shape) * self.kind.itemsize


def read_form(block: bytes) -> Form:
    """Read the first `HEADER_BYTES` of a file.

    Raises:
        PreprocessError: not a NIfTI-1 file, nonsense, or no cine.
    """
    if len(block) < HEADER_BYTES or block[344:348] != b"n+1\0":
        raise PreprocessError("not a NIfTI-1 file")
    try:
        with quiet(("nibabel.global",), logging.CRITICAL + 1):
            header: Any = nib.Nifti1Header(block)  # type: ignore[no-untyped-call]
            shape = _shape(header)
            kind = header.get_data_dtype()
            if kind.kind not in "iuf" or kind.itemsize > 8:
                raise PreprocessError("NIfTI file of complex numbers, colours or long doubles")
            offset = float(header["vox_offset"])
            if not HEADER_BYTES <= offset <= _MOST_OFFSET:
                raise ValueError("offset")
            slope, intercept = header.get_slope_inter()
            space, time = header.get_xyzt_units()
            return Form(
                shape=shape,
                kind=kind,
                offset=int(offset),
                slope=1.0 if slope is None else float(slope),
                intercept=0.0 if intercept is None else float(intercept),
                affine=_affine(header) * _MM[space],
                step=float(header["pixdim"][4]) * _MS.get(time, math.nan),
            )
    except (HeaderDataError, WrapStructError, ValueError, OverflowError, ArithmeticError, KeyError) as error:
        raise PreprocessError("damaged NIfTI file (its header makes no sense)") from error


def _shape(header: Any) -> tuple[int, int, int, int]:
    """(x, y, z, t) of a cine."""
    shape = tuple(int(size) for size in header.get_data_shape())
    shape = shape[:4] if all(size == 1 for size in shape[4:]) else shape
    if not 3 <= len(shape) <= 4 or min(shape) < 1:
        raise PreprocessError("NIfTI file is no series of volumes (x, y, z, t)")
    x, y, z, t = (*shape, 1)[:4]
    if reason := no_cine(t):
        raise PreprocessError(reason)
    return x, y, z, t


def _affine(header: Any) -> npt.NDArray[np.float64]:
    """Voxel to LPS `[3, 4]`; where none is stated nothing but the voxel size, with axes that leave the file's order."""
    if header["sform_code"] > 0 or header["qform_code"] > 0:
        stated: npt.NDArray[np.float64] = np.diag([-1.0, -1.0, 1.0]) @ header.get_best_affine()[:3]
        return stated
    return np.diag([*map(float, header["pixdim"][1:4]), 0.0])[:3]
