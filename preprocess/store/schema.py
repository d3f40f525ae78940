"""What a stored file holds: its attributes by name, type and shape. The only place that names them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np

from preprocess.errors import DamagedFileError
from preprocess.store.hdf5 import reading_hdf5

__all__ = [
    "AGE",
    "FIELD_STRENGTH",
    "FILE_ATTRIBUTES",
    "FILE_SHA256",
    "IMAGE_ORIENTATION",
    "IMAGE_POSITION",
    "INTENSITY_PERCENTILES",
    "INTENSITY_WINDOW",
    "MODEL",
    "N_FRAMES",
    "PERCENTILE_WINDOW",
    "PIXEL_SPACING",
    "SCHEMA",
    "SEX",
    "SLICE_SHA256",
    "SLICE_THICKNESS",
    "SOFTWARE_VERSION",
    "STACK_ATTRIBUTES",
    "TRIGGER_TIME",
    "VENDOR",
    "Attribute",
    "attribute_value",
    "pixel_problem",
]

_AXES = {"slice": 0, "frame": 1}  # of the pixels
_SIZES = (1, 2, 4, 8)  # bytes of a number that numpy knows
_MAX_VALUES = 1 << 20  # of an attribute


class _Kind(Enum):
    """Classes of HDF5 types that an attribute may have."""

    WHOLE = (h5py.h5t.INTEGER,)
    REAL = (h5py.h5t.FLOAT, h5py.h5t.INTEGER)
    TEXT = (h5py.h5t.STRING,)


@dataclass(frozen=True)
class Attribute:
    """An attribute of a file or of a view's data set.

    Attributes:
        name: in the file.
        kind: of its values.
        shape: lengths of its axes; `slice` and `frame` stand for those of the pixels.
        is_optional: files may lack it.
    """

    name: str
    kind: _Kind
    shape: tuple[int | Literal["slice", "frame"], ...] = ()
    is_optional: bool = False

    def mismatch(self, found: h5py.h5a.AttrID, pixels: tuple[int, ...]) -> str:
        """What is wrong with type or shape, looked at before anything is read: references are never followed.

        Args:
            found: an attribute of this name.
            pixels: shape of the data set, empty for a file.
        """
        kind = found.get_type()
        if kind.get_class() not in self.kind.value or (self.kind is not _Kind.TEXT and kind.get_size() not in _SIZES):
            return "has another type"
        if found.shape is None or found.get_space().get_simple_extent_type() == h5py.h5s.NULL:
            return "is empty"
        shape = tuple(pixels[_AXES[axis]] if isinstance(axis, str) else axis for axis in self.shape)
        if found.shape != shape:
            return f"has shape {list(found.shape)}, not {list(shape)}"
        return "is too large" if math.prod(shape) > _MAX_VALUES else ""

    def read(self, owner: h5py.File | h5py.Dataset) -> tuple[Any, str]:
        """The value, and what is wrong with type or shape where it was not read; the attribute must be there.

        Args:
            owner: the file, or the data set of a view.
        """
        found = h5py.h5a.open(owner.id, self.name.encode())
        problem = self.mismatch(found, owner.shape if isinstance(owner, h5py.Dataset) else ())
        if problem:
            return None, problem
        if self.kind is _Kind.TEXT:
            return owner.attrs[self.name], ""
        value = np.empty(found.shape, found.dtype)
        found.read(value)
        return value[()], ""


SCHEMA = Attribute("schema_version", _Kind.WHOLE)
SOFTWARE_VERSION = Attribute("software_version", _Kind.TEXT)
VENDOR = Attribute("vendor", _Kind.TEXT)
MODEL = Attribute("model", _Kind.TEXT)
FIELD_STRENGTH = Attribute("field_strength", _Kind.REAL)
SEX = Attribute("sex", _Kind.TEXT)
AGE = Attribute("age", _Kind.REAL)
FILE_SHA256 = Attribute("pixel_sha256", _Kind.TEXT)

N_FRAMES = Attribute("n_frames", _Kind.WHOLE, ("slice",))
PIXEL_SPACING = Attribute("pixel_spacing", _Kind.REAL, (2,))
SLICE_THICKNESS = Attribute("slice_thickness", _Kind.REAL)
IMAGE_ORIENTATION = Attribute("image_orientation", _Kind.REAL, (6,))
IMAGE_POSITION = Attribute("image_position", _Kind.REAL, ("slice", 3))
TRIGGER_TIME = Attribute("trigger_time", _Kind.REAL, ("slice", "frame"))
INTENSITY_WINDOW = Attribute("intensity_window", _Kind.REAL, (2,))
SLICE_SHA256 = Attribute("slice_sha256", _Kind.TEXT, ("slice",))
INTENSITY_PERCENTILES = Attribute("intensity_percentiles", _Kind.REAL, (2,), is_optional=True)
PERCENTILE_WINDOW = Attribute("percentile_window", _Kind.REAL, (2,), is_optional=True)  # 16 bits, from version 0.3

FILE_ATTRIBUTES = (SCHEMA, SOFTWARE_VERSION, VENDOR, MODEL, FIELD_STRENGTH, SEX, AGE, FILE_SHA256)
STACK_ATTRIBUTES = (N_FRAMES, PIXEL_SPACING, SLICE_THICKNESS, IMAGE_ORIENTATION, IMAGE_POSITION, TRIGGER_TIME,
                    INTENSITY_WINDOW, SLICE_SHA256, INTENSITY_PERCENTILES, PERCENTILE_WINDOW)  # fmt: skip


def attribute_value(owner: h5py.File | h5py.Dataset, attribute: Attribute) -> Any:
    """The value of an attribute; None where an optional one is absent.

    Raises:
        DamagedFileError: it is absent, or of another type or shape.
        MachineError: the machine could not read it.
    """
    with reading_hdf5(attribute.name):
        if h5py.h5a.exists(owner.id, attribute.name.encode()):
            value, problem = attribute.read(owner)
        else:
            value, problem = None, "" if attribute.is_optional else "is missing"
    if problem:
        study = Path(owner.file.filename).stem
        raise DamagedFileError(f"study {study}: attribute {attribute.name} {problem}")
    return value


def pixel_problem(data: object) -> str:
    """What is wrong with a member of a file as the pixels of a view: its kind, its type, its axes; empty if nothing.

    Args:
        data: the member.
    """
    if not isinstance(data, h5py.Dataset):
        return "not a data set"
    kind = data.id.get_type()
    if kind.get_class() != h5py.h5t.INTEGER or kind.get_size() not in (1, 2) or data.dtype.str not in ("|u1", "<u2"):
        return "neither uint8 nor uint16"
    if data.shape is None or len(data.shape) != 4 or 0 in data.shape:
        return f"has shape {list(data.shape or ())}, not [slice, frame, row, col]"
    return ""
