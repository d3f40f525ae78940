"""NIfTI files whose voxels tell their place, and what the ledger says of ACDC's."""

from __future__ import annotations

import gzip
import itertools
from typing import Any

import nibabel as nib
import numpy as np

from preprocess.store.study import CineStack

VOLUME_SHAPE = (7, 6, 5, 12)  # x, y, z, t
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
IN_ORDER = "file name: ACDC short axis; slices from base to apex"
UNORDERED = "file name: ACDC short axis; slices as in the file, its affine does not tell base from apex"


def coded_volume(kind: Any = np.int16) -> np.ndarray:
    """Every value tells its voxel and phase."""
    x, y, z, t = np.indices(VOLUME_SHAPE)
    return (x + 8 * y + 64 * z + 512 * t).astype(kind)


def affine_of(columns: np.ndarray, zooms: tuple[float, float, float], origin: tuple[float, float, float]) -> np.ndarray:
    """RAS affine with the given directions of x, y and z."""
    affine = np.eye(4)
    affine[:3, :3] = np.asarray(columns) * zooms
    affine[:3, 3] = origin
    return affine


def nifti_bytes(values: np.ndarray, affine: np.ndarray, zip_it: bool = True, **fields: Any) -> bytes:
    """A file whose header says what `fields` say, also where that is wrong."""
    header = nib.Nifti1Header(endianness="<")
    header.set_data_dtype(values.dtype)
    header.set_data_shape(values.shape)
    header.set_zooms([*np.linalg.norm(affine[:3, :3], axis=0), *[1.0] * 5][: values.ndim])
    header.set_sform(affine, code=1)
    header.set_xyzt_units(fields.pop("space", "mm"), fields.pop("time", "sec"))
    header["vox_offset"] = 352
    for name, value in fields.items():
        header[name] = value
    data = header.binaryblock + b"\0" * 4 + values.tobytes("F")
    return gzip.compress(data, 1) if zip_it else data


OBLIQUE = np.array([[-0.4798, 0.4645, -0.7443], [-0.8620, -0.0913, 0.4987], [-0.1637, -0.8808, -0.4442]])
OBLIQUE = np.linalg.svd(OBLIQUE)[0] @ np.linalg.svd(OBLIQUE)[2]  # exactly at right angles
FLIPS = [np.diag(signs) for signs in itertools.product((1.0, -1.0), repeat=3)]
TURNS = [np.eye(3)[:, list(order)] for order in itertools.permutations(range(3))]
AFFINES = [affine_of(directions, (1.5, 1.25, 10.0), (-30.0, 20.5, 7.0)) for directions in [*FLIPS, *TURNS]]
AFFINES += [affine_of(OBLIQUE @ flip, (1.5, 1.25, 10.0), (44.0, 68.0, 140.0)) for flip in FLIPS]


def pixel_places(stack: CineStack) -> np.ndarray:
    """Centre of every pixel in mm, LPS, by the rule of DICOM (PS3.3 C.7.6.2.1.1): `[slice, row, col, 3]`."""
    n_rows, n_cols = stack.pixels.shape[2:]
    along_row, along_col = stack.image_orientation[:3], stack.image_orientation[3:]
    row_spacing, col_spacing = stack.pixel_spacing
    rows = np.arange(n_rows)[None, :, None, None] * row_spacing * along_col
    cols = np.arange(n_cols)[None, None, :, None] * col_spacing * along_row
    return stack.image_position[:, None, None, :] + rows + cols


def unzipped(**fields: Any) -> bytes:
    """The coded volume, not compressed."""
    return nifti_bytes(coded_volume(), AFFINES[0], zip_it=False, **fields)
