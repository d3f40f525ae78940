"""The study store, version 1: the only module that knows how a study lies in HDF5.

`<store>/<patient>/<study>.h5` holds one data set per view, `[slice, frame, row, col]`, one chunk per slice's
whole cine, so that a clip is one read. Both keys are keyed hashes; nothing in a file names a person.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np
import numpy.typing as npt

from preprocess import __version__
from preprocess.errors import PreprocessError
from preprocess.privacy.keys import is_key
from preprocess.store.hashes import slice_sha256, study_sha256
from preprocess.store.intensity import percentile_window
from preprocess.store.study import CineStack, Study, StudyInfo
from preprocess.store.views import View
from preprocess.system.files import replacing

__all__ = [
    "SCHEMA_VERSION",
    "attribute_names",
    "read_clip",
    "read_study",
    "studies_in",
    "study_path",
    "write_study",
]

SCHEMA_VERSION = 1
_STACK_ATTRIBUTES = (
    "n_frames",
    "pixel_spacing",
    "slice_thickness",
    "image_orientation",
    "image_position",
    "trigger_time",
    "intensity_window",
)
_OPTIONAL_ATTRIBUTES = ("intensity_percentiles", "percentile_window")


def study_path(store: Path, patient: str, study: str) -> Path:
    """Where a study lies; refuses keys that are not 16 hex digits."""
    if not (is_key(patient) and is_key(study)):
        raise PreprocessError(f"not a store key: {patient!r}/{study!r}", "keys are 16 hex digits")
    return store / patient / f"{study}.h5"


def studies_in(store: Path) -> Iterator[tuple[str, str]]:
    """The (patient, study) keys of a store, sorted."""
    if not store.is_dir():
        raise PreprocessError(f"no study store at {store}", "make one with cmr-preprocess convert")
    for path in sorted(store.glob("*/*.h5")):
        if is_key(path.parent.name) and is_key(path.stem):
            yield path.parent.name, path.stem


def attribute_names() -> tuple[frozenset[str], frozenset[str]]:
    """Names of the attributes of a file and of a data set; no other belongs into a store."""
    of_file = {"schema_version", "software_version", "pixel_sha256", *StudyInfo.__dataclass_fields__}
    return frozenset(of_file), frozenset({*_STACK_ATTRIBUTES, *_OPTIONAL_ATTRIBUTES, "slice_sha256"})


def write_study(store: Path, study: Study) -> Path:
    """Write a study under a temporary name and rename it, so that no half-written file can exist.

    Returns:
        The path of the finished file.
    """
    path = study_path(store, study.patient, study.study)
    with replacing(path) as temporary, h5py.File(temporary, "w", libver="v110") as file:
        hashes = {view: _write_stack(file, view, stack) for view, stack in study.views.items()}
        _write_info(file, study.info, study_sha256(hashes))
    return path


def _write_info(file: h5py.File, info: StudyInfo, sha256: str) -> None:
    file.attrs["schema_version"] = SCHEMA_VERSION
    file.attrs["software_version"] = __version__
    for name, value in vars(info).items():
        file.attrs[name] = value
    file.attrs["pixel_sha256"] = sha256


def _write_stack(file: h5py.File, view: View, stack: CineStack) -> list[str]:
    data = file.create_dataset(
        view.value,
        data=stack.pixels,
        chunks=(1, *stack.pixels.shape[1:]),
        **hdf5plugin.Blosc(cname="zstd", clevel=5, shuffle=hdf5plugin.Blosc.BITSHUFFLE),
    )
    for name in _STACK_ATTRIBUTES:
        data.attrs[name] = getattr(stack, name)
    if stack.intensity_percentiles is not None:
        data.attrs["intensity_percentiles"] = stack.intensity_percentiles
    if stack.pixels.dtype == np.uint16:
        data.attrs["percentile_window"] = percentile_window(stack.pixels, stack.n_frames)
    hashes = [slice_sha256(stack, index) for index in range(len(stack.pixels))]
    data.attrs["slice_sha256"] = hashes
    return hashes


def _open(path: Path) -> h5py.File:
    try:
        file = h5py.File(path, "r")
    except FileNotFoundError:
        raise PreprocessError(f"no study at {path}", "is this the store the manifest was made from?") from None
    except OSError as error:
        raise PreprocessError(f"{path} is not readable HDF5: {error}", "convert the study again") from error
    version = file.attrs.get("schema_version")
    if version != SCHEMA_VERSION:
        file.close()
        raise PreprocessError(
            f"{path} has store schema {version}, this software reads {SCHEMA_VERSION}", "convert it again"
        )
    return file


def _read_stack(data: h5py.Dataset, with_pixels: bool) -> CineStack:
    attrs: dict[str, Any] = {name: data.attrs[name] for name in _STACK_ATTRIBUTES}
    for name in ("pixel_spacing", "intensity_window"):
        attrs[name] = tuple(float(value) for value in attrs[name])
    attrs["slice_thickness"] = float(attrs["slice_thickness"])
    if "intensity_percentiles" in data.attrs:
        attrs["intensity_percentiles"] = tuple(float(value) for value in data.attrs["intensity_percentiles"])
    pixels = data[()] if with_pixels else np.empty((*data.shape[:1], 0, *data.shape[2:]), data.dtype)
    return CineStack(pixels=pixels, **attrs)


def read_study(store: Path, patient: str, study: str, *, with_pixels: bool = True) -> Study:
    """Read a whole study, or with `with_pixels=False` everything but its pixels (`[slice, 0, row, col]`)."""
    with _open(study_path(store, patient, study)) as file:
        info = {name: _plain(file.attrs[name]) for name in StudyInfo.__dataclass_fields__}
        views = {View(name): _read_stack(file[name], with_pixels) for name in file}
    return Study(patient, study, views, StudyInfo(**info))


def read_hashes(store: Path, patient: str, study: str) -> tuple[str, dict[View, list[str]]]:
    """The SHA-256 of the study's pixels and of each slice, as written (not computed again)."""
    with _open(study_path(store, patient, study)) as file:
        slices = {View(name): [str(text) for text in file[name].attrs["slice_sha256"]] for name in file}
        return str(file.attrs["pixel_sha256"]), slices


def read_clip(file: h5py.File, view: str, index: int) -> npt.NDArray[Any]:
    """One slice's cine without padding, `[frame, row, col]`: a single chunk read.

    Args:
        file: an open study file.
        view: name of the data set.
        index: slice.
    """
    data = file[view]
    cine: npt.NDArray[Any] = data[index]
    return cine[: int(data.attrs["n_frames"][index])]


def open_study(store: Path, patient: str, study: str) -> h5py.File:
    """Open a study for `read_clip`; the caller closes it."""
    return _open(study_path(store, patient, study))


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
