"""A 4-D NIfTI-1 file to a short-axis stack: bounded decompression, and the order of a scanner's images."""

from __future__ import annotations

import gzip
import io
import math
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

from preprocess.cines.pixels import Bits
from preprocess.errors import PreprocessError
from preprocess.geometry import Vector, is_plane, plane_normal, unit
from preprocess.recognition.angles import by_geometry, long_axis
from preprocess.sources.nifti.form import HEADER_BYTES, Form, read_form
from preprocess.sources.nifti.window import window
from preprocess.store.study import CineStack
from preprocess.store.views import View

__all__ = ["is_short_axis", "read_stack"]

_GZIP = b"\x1f\x8b"
_MOST_VOXELS = 1 << 27
_MOST_BYTES = 512 << 20
_BEST_RATIO = 1032  # deflate packs nothing better than this
_STEPS = (5.0, 200.0)  # ms between phases; other steps in a header are place holders
_LONGEST_CYCLE = 5000.0  # ms
_SCREEN = np.array([1.0, 1.0, -1.0])  # scanners show columns to the left or back, rows to the back or feet (LPS)


def read_stack(data: bytes, bits: Bits) -> CineStack:
    """Read a 4-D volume, packed with gzip or not.

    Rows and columns run as a scanner shows them, slices from base to apex. Where the file states no orientation, all
    stays as it is, and where its plane is no short-axis plane, the slices do. NIfTI has no slice thickness: the
    distance of slices is taken.

    Args:
        data: the whole file.
        bits: see `preprocess.sources.nifti.window.window`.

    Returns:
        The stack; trigger times are NaN unless the header states a plausible time step.

    Raises:
        PreprocessError: not a NIfTI-1 file, damaged, of absurd size, or no cine.
    """
    try:
        is_packed, raw = data[:2] == _GZIP, io.BytesIO(data)
        with gzip.GzipFile(fileobj=raw) if is_packed else raw as file:
            form = read_form(file.read(HEADER_BYTES))
            _check_plane(form.affine)
            # Nothing is allocated that the file cannot hold: its values would only fill the memory.
            if math.prod(form.shape) > _MOST_VOXELS or form.size > _MOST_BYTES:
                raise PreprocessError("NIfTI file of absurd size (refused)")
            if form.offset + form.size > len(data) * (_BEST_RATIO if is_packed else 1):
                raise PreprocessError("truncated NIfTI file (fewer values than its header says)")
            file.read(form.offset - HEADER_BYTES)
            content = file.read(form.size)
            if len(content) < form.size:
                raise PreprocessError("truncated NIfTI file (fewer values than its header says)")
            file.read(1)  # the end: gzip compares its checksum here
    except (EOFError, OSError, zlib.error) as error:
        raise PreprocessError("damaged NIfTI file (it cannot be unpacked)") from error
    x, y, z, t = form.shape
    stored: npt.NDArray[Any] = np.frombuffer(content, dtype=form.kind).reshape(t, z, y, x).swapaxes(0, 1)
    values, affine = _as_scanned(stored, form.affine)
    return _stack(values, affine, form, bits)


def is_short_axis(orientation: Vector) -> bool:
    """True where the plane `[6]` is short axis in most patients; axial planes, which stand for "unknown", are not."""
    return by_geometry([float(value) for value in orientation], long_axis([]), own_axis=False).view is View.SAX


def _check_plane(affine: npt.NDArray[np.float64]) -> None:
    if np.isfinite(affine).all():
        spacing = [float(length) for length in np.linalg.norm(affine[:, :2], axis=0)]
        orientation = _orientation(affine)
        distance = abs(float(plane_normal(orientation) @ affine[:, 2]))
        if is_plane(tuple(orientation), spacing) and distance > 1e-3:
            return
    raise PreprocessError("NIfTI file without geometry (its axes are not at right angles, or have no length)")


def _as_scanned(
    values: npt.NDArray[Any], affine: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[Any], npt.NDArray[np.float64]]:
    """Turn columns and rows to a scanner's directions, and slices from base to apex where that is known.

    Args:
        values: `[slice, frame, row, col]`.
        affine: `[3, 4]`; its columns are the steps to the next column, row and slice.
    """
    affine = affine.copy()
    steps = [affine[:, axis] * _SCREEN for axis in (0, 1)]
    is_backwards = [float(step[np.argmax(np.abs(step))]) < 0 for step in steps]  # along their main direction
    is_backwards.append(is_short_axis(_orientation(affine)) and float(affine[:, 2] @ long_axis([])) < 0)
    for column, axis in enumerate((3, 2, 0)):
        if is_backwards[column]:
            values = np.flip(values, axis)
            affine[:, 3] += affine[:, column] * (values.shape[axis] - 1)
            affine[:, column] *= -1.0
    return values, affine


def _orientation(affine: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.concatenate([unit(affine[:, 0]), unit(affine[:, 1])])


def _stack(values: npt.NDArray[Any], affine: npt.NDArray[np.float64], form: Form, bits: Bits) -> CineStack:
    orientation = _orientation(affine)
    columns, rows, _ = (float(length) for length in np.linalg.norm(affine[:, :3], axis=0))
    n_slices, n_frames = values.shape[:2]
    pixels, limits = window(values, form.slope, form.intercept, bits)
    is_plausible = _STEPS[0] <= form.step <= _STEPS[1] and form.step * n_frames <= _LONGEST_CYCLE
    times = np.arange(n_frames) * (form.step if is_plausible else math.nan)
    return CineStack(
        pixels=pixels,
        n_frames=np.full(n_slices, n_frames, dtype=np.int32),
        pixel_spacing=(rows, columns),
        slice_thickness=abs(float(plane_normal(orientation) @ affine[:, 2])),
        image_orientation=orientation,
        image_position=(affine[:, 2:3] * np.arange(n_slices) + affine[:, 3:]).T,
        trigger_time=np.tile(times, (n_slices, 1)),
        intensity_window=limits,
    )
