"""Attributes of a study file that are wrong, missing, foreign or of another type."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from preprocess.verification.problem import Check
from tests.support.verified_stores import STRANGER, path_of, problems_in

ATTRIBUTES: dict[str, Any] = {
    "n_frames": np.array([11, 13, 12], np.int32),
    "pixel_spacing": (0.0, 2.0),
    "slice_thickness": -1.0,
    "image_orientation": np.array([1.0, 0, 0, 0.1, 1, 0]),
    "image_position": np.array([[np.inf, 0, 0]] * 3),
    "trigger_time": np.zeros((3, 5)),
    "intensity_window": (np.nan, 1.0),
    "slice_sha256": ["00", "11", "22"],
}


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_a_wrong_attribute_is_named(store: Path, name: str) -> None:
    with h5py.File(path_of(store), "a") as file:
        file["SAX"].attrs[name] = ATTRIBUTES[name]
    assert any(check is Check.ATTRIBUTES and name in text for check, text in problems_in(store))


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_a_missing_attribute_is_named(store: Path, name: str) -> None:
    with h5py.File(path_of(store), "a") as file:
        del file["SAX"].attrs[name]
    assert (Check.ATTRIBUTES, f"attribute {name} is missing") in problems_in(store)


@pytest.mark.parametrize("value", ["text", np.zeros((2, 2)), h5py.Empty("f8")])
def test_an_attribute_of_another_type_or_shape_is_not_read(store: Path, value: Any) -> None:
    with h5py.File(path_of(store), "a") as file:
        file["SAX"].attrs["slice_thickness"] = value
    assert any(check is Check.ATTRIBUTES and "slice_thickness" in text for check, text in problems_in(store))


def test_a_reference_in_an_attribute_is_not_followed(store: Path) -> None:
    with h5py.File(path_of(store), "a") as file:
        del file["SAX"].attrs["slice_thickness"]
        file["SAX"].attrs.create("slice_thickness", file["4CH"].ref, dtype=h5py.ref_dtype)
    assert (Check.ATTRIBUTES, "attribute slice_thickness has another type") in problems_in(store)


def test_foreign_attributes_are_counted_and_not_named(store: Path) -> None:
    with h5py.File(path_of(store), "a") as file:
        file.attrs["PatientName"] = STRANGER
        file["SAX"].attrs[STRANGER] = 1
    texts = [text for check, text in problems_in(store) if check is Check.ATTRIBUTES]
    assert len(texts) == 2
    assert not any("PatientName" in text or STRANGER in text for text in texts)
