"""The attributes of a stored file, read only where type and size are what they must be, and checked."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from preprocess.store.hdf5 import reading_hdf5
from preprocess.store.schema import (
    AGE,
    FIELD_STRENGTH,
    FILE_ATTRIBUTES,
    FILE_SHA256,
    IMAGE_ORIENTATION,
    IMAGE_POSITION,
    INTENSITY_PERCENTILES,
    INTENSITY_WINDOW,
    MODEL,
    N_FRAMES,
    PERCENTILE_WINDOW,
    PIXEL_SPACING,
    SEX,
    SLICE_SHA256,
    SLICE_THICKNESS,
    SOFTWARE_VERSION,
    STACK_ATTRIBUTES,
    TRIGGER_TIME,
    VENDOR,
    Attribute,
)

__all__ = ["Values", "file_attributes", "stack_attributes", "value_problems"]

Values = Mapping[Attribute, Any]  # of those that could be read

_MAX_TEXT = 64  # characters of a text attribute of a file; none of the vocabulary is longer
_NEARLY = 0.05  # as conversion takes it: some scanners round direction cosines
_HEX = frozenset("0123456789abcdef")


def file_attributes(file: h5py.File) -> tuple[Values, list[str]]:
    """The attributes of a file that are as they must be, and what is wrong with the type or shape of others.

    Each is a text or a scalar.

    Raises:
        DamagedFileError: they cannot be read.
        MachineError: the machine could not read them.
    """
    return _read(file, FILE_ATTRIBUTES)


def stack_attributes(data: h5py.Dataset) -> tuple[Values, list[str]]:
    """The same of a data set; `preprocess.store.schema` states the shapes, such as `[slice, 3]`, and the units."""
    return _read(data, STACK_ATTRIBUTES)


def _read(owner: h5py.File | h5py.Dataset, attributes: Sequence[Attribute]) -> tuple[Values, list[str]]:
    with reading_hdf5():
        present = set(owner.attrs.keys())
    n_unknown = len(present - {attribute.name for attribute in attributes})
    problems = [f"{n_unknown} attributes that do not belong here (names not shown)"] if n_unknown else []
    values: dict[Attribute, Any] = {}
    for attribute in attributes:
        if attribute.name not in present:
            problems += [] if attribute.is_optional else [f"attribute {attribute.name} is missing"]
            continue
        with reading_hdf5():
            value, problem = attribute.read(owner)
        if problem:
            problems.append(f"attribute {attribute.name} {problem}")
        else:
            values[attribute] = value
    return values, problems


@dataclass(frozen=True)
class _Rule:
    """What must hold for the value of an attribute."""

    attribute: Attribute
    holds: Callable[[Any], bool]
    problem: str


def value_problems(values: Values, n_frames: int = 0) -> list[str]:
    """What is wrong with the values of attributes that could be read.

    Geometry that is unknown as a whole (all NaN, as in imported stores) is none.

    Args:
        values: of a file or of a data set, in the shapes and units of `preprocess.store.schema`, such as `[slice, 3]`.
        n_frames: length of the data set's frame axis.
    """
    problems = [rule.problem for rule in _RULES if rule.attribute in values and not rule.holds(values[rule.attribute])]
    counts = values.get(N_FRAMES)
    if counts is not None and not (np.all(counts >= 1) and np.all(counts <= n_frames)):
        problems.append(f"{N_FRAMES.name} is not within 1 to {n_frames}")
    return problems


def _is_unknown(value: Any) -> bool:
    return bool(np.isnan(value).all())


def _is_positive(value: Any) -> bool:
    return _is_unknown(value) or bool(np.isfinite(value).all() and np.all(np.asarray(value) > 0))


def _is_finite(value: Any) -> bool:
    return _is_unknown(value) or bool(np.isfinite(value).all())


def _is_orthonormal(value: Any) -> bool:
    if _is_unknown(value):
        return True
    axes = np.asarray(value, dtype=np.float64).reshape(2, 3)
    return bool(np.abs(axes @ axes.T - np.eye(2)).max() < _NEARLY)  # NaN compares false


def _is_sha256(value: object) -> bool:
    text = str(value)
    return len(text) == 64 and set(text) <= _HEX


_RULES = (
    *(
        _Rule(text, lambda value: len(str(value)) <= _MAX_TEXT, f"attribute {text.name} is longer than 64 characters")
        for text in (SOFTWARE_VERSION, VENDOR, MODEL, SEX)
    ),
    _Rule(SEX, lambda value: value in ("F", "M", "O", ""), "attribute sex is not F, M, O or empty"),
    _Rule(AGE, lambda value: math.isnan(value) or 0 <= value <= 90, "attribute age is not within 0 to 90"),
    _Rule(
        FIELD_STRENGTH,
        lambda value: math.isnan(value) or 0 < value < 30,
        "attribute field_strength is no number of tesla",
    ),
    _Rule(FILE_SHA256, _is_sha256, "attribute pixel_sha256 is no SHA-256"),
    *(
        _Rule(length, _is_positive, f"{length.name} is not finite and above 0")
        for length in (PIXEL_SPACING, SLICE_THICKNESS)
    ),
    *(
        _Rule(numbers, _is_finite, f"{numbers.name} is not finite")
        for numbers in (IMAGE_POSITION, INTENSITY_WINDOW, INTENSITY_PERCENTILES, PERCENTILE_WINDOW)
    ),
    _Rule(IMAGE_ORIENTATION, _is_orthonormal, "image_orientation is not orthonormal"),
    _Rule(TRIGGER_TIME, lambda value: not np.isinf(value).any(), "trigger_time is infinite"),
    _Rule(SLICE_SHA256, lambda value: all(map(_is_sha256, value)), "slice_sha256 is no list of SHA-256"),
)
