"""The study store, version 1: the only module that writes and reads a study in HDF5; `schema` names its parts.

`<store>/<patient>/<study>.h5` holds one data set per view, `[slice, frame, row, col]`, one chunk per slice's
whole cine, so that a clip is one read. Both keys are keyed hashes; nothing in a file names a person.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np
import numpy.typing as npt

from preprocess import __version__
from preprocess.errors import DamagedFileError, MachineError, PreprocessError
from preprocess.privacy.keys import is_key
from preprocess.store.hashes import slice_sha256, study_sha256
from preprocess.store.hdf5 import reading_hdf5
from preprocess.store.intensity import percentile_window
from preprocess.store.schema import (
    AGE,
    FIELD_STRENGTH,
    FILE_SHA256,
    IMAGE_ORIENTATION,
    IMAGE_POSITION,
    INTENSITY_PERCENTILES,
    INTENSITY_WINDOW,
    MODEL,
    N_FRAMES,
    PERCENTILE_WINDOW,
    PIXEL_SPACING,
    SCHEMA,
    SEX,
    SLICE_SHA256,
    SLICE_THICKNESS,
    SOFTWARE_VERSION,
    TRIGGER_TIME,
    VENDOR,
    attribute_value,
    pixel_problem,
)
from preprocess.store.study import CineStack, Study, StudyInfo
from preprocess.store.views import View
from preprocess.system.files import replacing

__all__ = [
    "SCHEMA_VERSION",
    "STUDY_SUFFIX",
    "open_study",
    "read_clip",
    "read_hashes",
    "read_slice",
    "read_study",
    "studies_in",
    "study_path",
    "view_data",
    "views_in",
    "write_study",
]

SCHEMA_VERSION = 1
STUDY_SUFFIX = ".h5"
_REMEDY = "look at it with cmr-preprocess verify, or convert the study again"
# What a file and a data set hold under the same name as `StudyInfo` and `CineStack` do.
_INFO = (VENDOR, MODEL, FIELD_STRENGTH, SEX, AGE)
_STACK = (N_FRAMES, PIXEL_SPACING, SLICE_THICKNESS, IMAGE_ORIENTATION, IMAGE_POSITION, TRIGGER_TIME, INTENSITY_WINDOW)


def study_path(store: Path, patient: str, study: str) -> Path:
    """Where a study lies; refuses keys that are not 16 hex digits."""
    if not (is_key(patient) and is_key(study)):
        raise PreprocessError(f"not a store key: {patient!r}/{study!r}", "keys are 16 hex digits")
    return store / patient / f"{study}{STUDY_SUFFIX}"


def studies_in(store: Path) -> Iterator[tuple[str, str]]:
    """The (patient, study) keys of a store, sorted."""
    if not store.is_dir():
        raise PreprocessError(f"no study store at {store}", "make one with cmr-preprocess convert")
    for path in sorted(store.glob(f"*/*{STUDY_SUFFIX}")):
        if is_key(path.parent.name) and is_key(path.stem):
            yield path.parent.name, path.stem


def write_study(store: Path, study: Study) -> Path:
    """Write a study under a temporary name and rename it, so that no half-written file can exist.

    Returns:
        The path of the finished file.

    Raises:
        PreprocessError: its keys are none, or its pixels are of another type than uint8 and uint16.
    """
    path = study_path(store, study.patient, study.study)
    for view, stack in study.views.items():
        if stack.pixels.dtype not in (np.uint8, np.uint16) or stack.pixels.ndim != 4:
            raise PreprocessError(
                f"{view.value} has pixels of type {stack.pixels.dtype} and shape {stack.pixels.shape}",
                "a store takes uint8 or uint16 of [slice, frame, row, column]",
            )
    with replacing(path) as temporary, h5py.File(temporary, "w", libver="v110") as file:
        hashes: dict[View, list[str]] = {}
        for view, stack in study.views.items():
            data = file.create_dataset(
                view.value,
                data=stack.pixels,
                chunks=(1, *stack.pixels.shape[1:]),
                **hdf5plugin.Blosc(cname="zstd", clevel=5, shuffle=hdf5plugin.Blosc.BITSHUFFLE),
            )
            for attribute in _STACK:
                data.attrs[attribute.name] = getattr(stack, attribute.name)
            if stack.intensity_percentiles is not None:
                data.attrs[INTENSITY_PERCENTILES.name] = stack.intensity_percentiles
            if stack.pixels.dtype == np.uint16:
                data.attrs[PERCENTILE_WINDOW.name] = percentile_window(stack.pixels, stack.n_frames)
            hashes[view] = [slice_sha256(stack, index) for index in range(len(stack.pixels))]
            data.attrs[SLICE_SHA256.name] = hashes[view]
        file.attrs[SCHEMA.name] = SCHEMA_VERSION
        file.attrs[SOFTWARE_VERSION.name] = __version__
        for attribute in _INFO:
            file.attrs[attribute.name] = getattr(study.info, attribute.name)
        file.attrs[FILE_SHA256.name] = study_sha256(hashes)
    return path


def open_study(store: Path, patient: str, study: str) -> h5py.File:
    """Open a study for `view_data` and `read_clip`; the caller closes it.

    Raises:
        PreprocessError: there is none, or its file is of another version.
        DamagedFileError: it is damaged.
        MachineError: the machine could not read it.
    """
    path = study_path(store, patient, study)
    with ExitStack() as opened:
        try:
            with reading_hdf5(str(path), _REMEDY):
                file = opened.enter_context(h5py.File(path, "r"))
                has_schema = SCHEMA.name in file.attrs
        except MachineError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                raise PreprocessError(f"no study at {path}", "is this the store the manifest was made from?") from None
            raise
        version = attribute_value(file, SCHEMA) if has_schema else None
        if version != SCHEMA_VERSION:
            raise PreprocessError(
                f"{path} has store schema {version}, this software reads {SCHEMA_VERSION}", "convert it again"
            )
        opened.pop_all()
    return file


def view_data(file: h5py.File, view: str) -> h5py.Dataset:
    """The data set of a view, `[slice, frame, row, col]`.

    Args:
        file: an open study file.
        view: its name.

    Raises:
        PreprocessError: the study has no such view.
        DamagedFileError: what has this name holds no pixels, or is a link.
    """
    with reading_hdf5(partial(_place, file, view), _REMEDY):
        name = view.encode()
        if not file.id.links.exists(name):
            raise PreprocessError(f"no {_place(file, view)}", "the manifest is of another store")
        if file.id.links.get_info(name).type != h5py.h5l.TYPE_HARD:
            raise DamagedFileError(f"{_place(file, view)}: a link", _REMEDY)
        data = h5py.Dataset(h5py.h5d.open(file.id, name))
        problem = pixel_problem(data)
    if problem:
        raise DamagedFileError(f"{_place(file, view)}: {problem}", _REMEDY)
    return data


def _place(file: h5py.File, view: str, index: int | None = None) -> str:
    """Names a part of a study in a message; its file is named by its key."""
    return f"study {Path(file.filename).stem}, view {view}" + ("" if index is None else f", slice {index}")


def _place_in(data: h5py.Dataset, index: int | None = None) -> str:
    return _place(data.file, data.name[1:], index)


def views_in(file: h5py.File) -> dict[View, h5py.Dataset]:
    """The data sets of an open study file.

    Raises:
        DamagedFileError: it holds something else.
    """
    with reading_hdf5(remedy=_REMEDY):
        names = list(file)
    unknown = set(names) - {view.value for view in View}
    if unknown:
        study = Path(file.filename).stem
        raise DamagedFileError(f"study {study}: {len(unknown)} members that are none of the views", _REMEDY)
    return {View(name): view_data(file, name) for name in names}


def _read_stack(data: h5py.Dataset, with_pixels: bool) -> CineStack:
    attrs: dict[str, Any] = {attribute.name: attribute_value(data, attribute) for attribute in _STACK}
    for attribute in (PIXEL_SPACING, INTENSITY_WINDOW):
        attrs[attribute.name] = tuple(float(value) for value in attrs[attribute.name])
    attrs[SLICE_THICKNESS.name] = float(attrs[SLICE_THICKNESS.name])
    counts = attrs[N_FRAMES.name]
    if not (counts.min() > 0 and counts.max() <= data.shape[1]):
        raise DamagedFileError(f"{_place_in(data)}: {N_FRAMES.name} beyond its frames", _REMEDY)
    percentiles = attribute_value(data, INTENSITY_PERCENTILES)
    if percentiles is not None:
        attrs[INTENSITY_PERCENTILES.name] = tuple(float(value) for value in percentiles)
    if with_pixels:
        with reading_hdf5(partial(_place_in, data), _REMEDY):
            pixels = data[()]
    else:
        pixels = np.empty((*data.shape[:1], 0, *data.shape[2:]), data.dtype)
    return CineStack(pixels=pixels, **attrs)


def read_study(store: Path, patient: str, study: str, *, with_pixels: bool = True) -> Study:
    """Read a whole study, or with `with_pixels=False` everything but its pixels (`[slice, 0, row, col]`).

    Raises:
        PreprocessError: there is none, or its file is of another version.
        DamagedFileError: it is damaged.
        MachineError: the machine could not read it.
    """
    with open_study(store, patient, study) as file:
        info: dict[str, Any] = {}
        for attribute in _INFO:
            value = attribute_value(file, attribute)
            info[attribute.name] = value.item() if isinstance(value, np.generic) else value
        views = {view: _read_stack(data, with_pixels) for view, data in views_in(file).items()}
    return Study(patient, study, views, StudyInfo(**info))


def read_hashes(store: Path, patient: str, study: str) -> tuple[str, dict[View, list[str]]]:
    """The SHA-256 of the study's pixels and of each slice, as written (not computed again)."""
    with open_study(store, patient, study) as file:
        slices = {view: list(map(str, attribute_value(data, SLICE_SHA256))) for view, data in views_in(file).items()}
        return str(attribute_value(file, FILE_SHA256)), slices


def read_clip(file: h5py.File, view: str, index: int) -> npt.NDArray[Any]:
    """One slice's cine without padding, `[frame, row, col]`: a single chunk read.

    Args:
        file: an open study file.
        view: name of the data set.
        index: slice.

    Raises:
        PreprocessError: the study has no such view or slice.
        DamagedFileError: it is damaged.
    """
    return read_slice(view_data(file, view), index)


def read_slice(data: h5py.Dataset, index: int) -> npt.NDArray[Any]:
    """The same from the data set of a view, `[frame, row, col]`.

    Args:
        data: from `view_data`, `[slice, frame, row, col]`.
        index: slice.

    Raises:
        PreprocessError: the study has no such slice.
        DamagedFileError: it is damaged.
    """
    counts = attribute_value(data, N_FRAMES)
    if not 0 <= index < len(counts):
        raise PreprocessError(f"no {_place_in(data, index)}", "the manifest is of another store")
    n_frames = int(counts[index])
    if not 0 < n_frames <= data.shape[1]:
        raise DamagedFileError(f"{_place_in(data, index)}: {n_frames} frames of {data.shape[1]}", _REMEDY)
    with reading_hdf5(partial(_place_in, data, index), _REMEDY):
        cine: npt.NDArray[Any] = data[index]
    return cine[:n_frames]
