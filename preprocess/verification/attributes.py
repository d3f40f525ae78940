"""The attributes of a stored file, read only where type and size are what they must be, and checked."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from preprocess.store.study_file import attribute_names

__all__ = ["file_attributes", "stack_attributes", "stack_problems"]

_MAX_VALUES = 1 << 20
_MAX_TEXT = 64  # characters of a text attribute of a file; none of the vocabulary is longer
_WHOLE, _REAL, _TEXT = (h5py.h5t.INTEGER,), (h5py.h5t.FLOAT, h5py.h5t.INTEGER), (h5py.h5t.STRING,)
_NEARLY = 0.05  # as conversion takes it: some scanners round direction cosines
_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True)
class _Rule:
    """What an attribute must be: HDF5 classes, and its shape by the shape of the pixels."""

    kinds: tuple[int, ...]
    shape: Callable[[tuple[int, ...]], tuple[int, ...]]


_FILE = {
    "schema_version": _Rule(_WHOLE, lambda _: ()),
    "software_version": _Rule(_TEXT, lambda _: ()),
    "vendor": _Rule(_TEXT, lambda _: ()),
    "model": _Rule(_TEXT, lambda _: ()),
    "field_strength": _Rule(_REAL, lambda _: ()),
    "sex": _Rule(_TEXT, lambda _: ()),
    "age": _Rule(_REAL, lambda _: ()),
    "pixel_sha256": _Rule(_TEXT, lambda _: ()),
}
_STACK: dict[str, _Rule] = {
    "n_frames": _Rule(_WHOLE, lambda pixels: pixels[:1]),
    "pixel_spacing": _Rule(_REAL, lambda _: (2,)),
    "slice_thickness": _Rule(_REAL, lambda _: ()),
    "image_orientation": _Rule(_REAL, lambda _: (6,)),
    "image_position": _Rule(_REAL, lambda pixels: (pixels[0], 3)),
    "trigger_time": _Rule(_REAL, lambda pixels: pixels[:2]),
    "intensity_window": _Rule(_REAL, lambda _: (2,)),
    "slice_sha256": _Rule(_TEXT, lambda pixels: pixels[:1]),
}

_OPTIONAL = {
    "intensity_percentiles": _Rule(_REAL, lambda _: (2,)),
    "percentile_window": _Rule(_REAL, lambda _: (2,)),
}


def file_attributes(file: h5py.File) -> tuple[dict[str, Any], list[str]]:
    """The values of the file's attributes that are as they must be, and what is wrong with the others."""
    values, problems = _read(file, _FILE, attribute_names()[0], ())
    return values, problems + [text for text in _file_problems(values) if text]


def stack_attributes(data: h5py.Dataset) -> tuple[dict[str, Any], list[str]]:
    """The same of a data set; values are not yet looked at, see `stack_problems`."""
    return _read(data, _STACK, attribute_names()[1], data.shape)


def _read(
    owner: h5py.File | h5py.Dataset, rules: Mapping[str, _Rule], known: frozenset[str], pixels: tuple[int, ...]
) -> tuple[dict[str, Any], list[str]]:
    present = set(owner.attrs.keys())
    n_unknown = len(present - known - set(rules))
    problems = [f"{n_unknown} attributes that do not belong here (names not shown)"] if n_unknown else []
    values: dict[str, Any] = {}
    for name, rule in {**rules, **_OPTIONAL}.items():
        if name not in present:
            problems += [f"attribute {name} is missing"] if name in rules else []
            continue
        problem = _mismatch(owner.attrs.get_id(name), rule, pixels)
        if problem:
            problems.append(f"attribute {name} {problem}")
        else:
            values[name] = owner.attrs[name]
    return values, problems


def _mismatch(attribute: h5py.h5a.AttrID, rule: _Rule, pixels: tuple[int, ...]) -> str:
    """What is wrong with type or shape, before anything is read: references and objects are never followed."""
    if attribute.get_type().get_class() not in rule.kinds:
        return "has another type"
    if attribute.get_space().get_simple_extent_type() == h5py.h5s.NULL:
        return "is empty"
    shape = rule.shape(pixels)
    if attribute.shape != shape:
        return f"has shape {list(attribute.shape)}, not {list(shape)}"
    return "is too large" if math.prod(shape) > _MAX_VALUES else ""


def _file_problems(values: Mapping[str, Any]) -> Iterator[str]:
    for name in ("software_version", "vendor", "model", "sex"):
        if name in values and len(str(values[name])) > _MAX_TEXT:
            yield f"attribute {name} is longer than {_MAX_TEXT} characters"
    if "sex" in values and values["sex"] not in ("F", "M", "O", ""):
        yield "attribute sex is not F, M, O or empty"
    if "age" in values and not (math.isnan(values["age"]) or 0 <= values["age"] <= 90):
        yield "attribute age is not within 0 to 90"
    if "field_strength" in values and not (math.isnan(values["field_strength"]) or 0 < values["field_strength"] < 30):
        yield "attribute field_strength is no number of tesla"
    if "pixel_sha256" in values and not _is_sha256(values["pixel_sha256"]):
        yield "attribute pixel_sha256 is no SHA-256"


def stack_problems(values: Mapping[str, Any], pixels: tuple[int, ...]) -> Iterator[str]:
    """What is wrong with the values of a data set's attributes.

    Geometry that is unknown as a whole (all NaN, as in imported stores) is none.

    Args:
        values: those that could be read.
        pixels: shape of the data set.
    """
    if "n_frames" in values and not (np.all(values["n_frames"] >= 1) and np.all(values["n_frames"] <= pixels[1])):
        yield f"n_frames is not within 1 to {pixels[1]}"
    for name in ("pixel_spacing", "slice_thickness"):
        if name in values and not _is_unknown(values[name]) and not _is_positive(values[name]):
            yield f"{name} is not finite and above 0"
    for name in ("image_position", "intensity_window", *_OPTIONAL):
        if name in values and not _is_unknown(values[name]) and not np.isfinite(values[name]).all():
            yield f"{name} is not finite"
    if "image_orientation" in values and not _is_orthonormal(values["image_orientation"]):
        yield "image_orientation is not orthonormal"
    if "trigger_time" in values and np.isinf(values["trigger_time"]).any():
        yield "trigger_time is infinite"
    if "slice_sha256" in values and not all(_is_sha256(one) for one in values["slice_sha256"]):
        yield "slice_sha256 is no list of SHA-256"


def _is_unknown(value: Any) -> bool:
    return bool(np.isnan(value).all())


def _is_positive(value: Any) -> bool:
    return bool(np.isfinite(value).all() and np.all(np.asarray(value) > 0))


def _is_orthonormal(value: Any) -> bool:
    if _is_unknown(value):
        return True
    axes = np.asarray(value, dtype=np.float64).reshape(2, 3)
    return bool(np.abs(axes @ axes.T - np.eye(2)).max() < _NEARLY)  # NaN compares false


def _is_sha256(value: object) -> bool:
    text = str(value)
    return len(text) == 64 and set(text) <= _HEX
