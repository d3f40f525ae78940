"""A study file that was damaged or tampered with: a good read or a damaged file, never another error."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from preprocess.errors import DamagedFileError, MachineError, PreprocessError
from preprocess.store.hdf5 import reading_hdf5
from preprocess.store.intensity import shown_window
from preprocess.store.schema import FILE_ATTRIBUTES, STACK_ATTRIBUTES
from preprocess.store.study import Study, StudyInfo
from preprocess.store.study_file import (
    open_study,
    read_clip,
    read_hashes,
    read_study,
    study_path,
    view_data,
    views_in,
    write_study,
)
from preprocess.store.views import View
from preprocess.verification.file_check import Task, check_file
from preprocess.verification.problem import Check
from tests.support.stacks import stack_of

KEYS = ("0" * 16, "1" * 16)
OTHER_VALUES: dict[str, Any] = {
    "text": "text",
    "number": 3.5,
    "whole": 7,
    "list": np.arange(5),
    "empty": h5py.Empty("f8"),
    "half": np.float16(1),
    "complex": np.complex128(1j),
    "record": np.zeros(2, [("a", "f4"), ("b", "i4")]),
    "boolean": np.array([True, False]),
    "opaque": np.void(b"abc"),
    "bytes": np.bytes_(b"\xff\xfe"),
    "texts": ["a", "b"],
}


def small_study() -> Study:
    rng = np.random.default_rng(3)
    stacks = {}
    for view, kind in ((View.SAX, np.uint8), (View.CH4, np.uint16)):
        slices = 2 if view is View.SAX else 1
        stacks[view] = stack_of(rng.integers(0, 200, (slices, 5, 12, 10)).astype(kind))
    return Study(*KEYS, stacks, StudyInfo("GE", "Optima", 1.5, "F", 61.0))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    write_study(tmp_path, small_study())
    return tmp_path


def read_all(store: Path) -> Study:
    """Everything that readers of a store do with a study."""
    read_hashes(store, *KEYS)
    with open_study(store, *KEYS) as file:
        for view, data in views_in(file).items():
            shown_window(data)
            for index in range(len(data)):
                read_clip(file, view, index)
    return read_study(store, *KEYS)


def outcome(store: Path) -> str:
    """What reading came to; any other error than a damaged file (or another version) ends the test."""
    try:
        read_all(store)
        read = "good"
    except DamagedFileError:
        read = "damaged"
    except MachineError:
        raise
    except PreprocessError:
        read = "another version"
    check_file(Task(store, *KEYS, known=frozenset()))
    return read


def damages(content: bytes, n: int, seed: int) -> Iterator[bytes]:
    """Copies with some bytes changed, every eighth cut off.

    Texts are spared: HDF5 2.0 never comes back from some heaps of texts that were damaged. The clock of `verify` ends
    its worker then; nothing else can.
    """
    rng = np.random.default_rng(seed)
    texts = [match.start() for match in re.finditer(b"GCOL", content)]
    assert texts
    places = [place for place in range(len(content)) if not any(start <= place < start + 4096 for start in texts)]
    for number in range(n):
        damaged = bytearray(content)
        for place in rng.choice(places, int(rng.integers(1, 6))).tolist():
            damaged[place] = int(rng.integers(256))
        yield bytes(damaged[: int(rng.integers(len(content)))] if number % 8 == 0 else damaged)


@pytest.mark.parametrize("n", [400, pytest.param(10_000, marks=pytest.mark.slow)])
def test_flipped_and_missing_bytes_are_damage_and_no_other_error(store: Path, n: int) -> None:
    path = study_path(store, *KEYS)
    outcomes = []
    for damaged in damages(path.read_bytes(), n, seed=n):
        path.write_bytes(damaged)
        outcomes.append(outcome(store))
    assert {"good", "damaged"} <= set(outcomes)


@pytest.mark.parametrize("value", OTHER_VALUES)
def test_attributes_of_another_type_are_damage_and_no_other_error(store: Path, value: str) -> None:
    path = study_path(store, *KEYS)
    content = path.read_bytes()
    for attribute in (*FILE_ATTRIBUTES, *STACK_ATTRIBUTES):
        path.write_bytes(content)
        with h5py.File(path, "a") as file:
            owner = file if attribute in FILE_ATTRIBUTES else file["4CH"]
            if attribute.name in owner.attrs:
                del owner.attrs[attribute.name]
            owner.attrs[attribute.name] = OTHER_VALUES[value]
        assert outcome(store) in ("good", "damaged", "another version")


def narrow_floats(file: h5py.File) -> None:
    """Attributes in a type that numpy lacks: floating-point numbers of three bytes."""
    kind = h5py.h5t.IEEE_F32LE.copy()
    kind.set_fields(23, 15, 8, 0, 15)
    kind.set_size(3)
    del file["SAX"].attrs["slice_thickness"]
    h5py.h5a.create(file["SAX"].id, b"slice_thickness", kind, h5py.h5s.create(h5py.h5s.SCALAR))


def wide_integers(file: h5py.File) -> None:
    kind = h5py.h5t.STD_U16LE.copy()
    kind.set_size(3)
    del file["SAX"]
    h5py.h5d.create(file.id, b"SAX", kind, h5py.h5s.create_simple((1, 5, 4, 4)))


def group(file: h5py.File) -> None:
    del file["SAX"]
    file.create_group("SAX")


def foreign_member(file: h5py.File) -> None:
    file["other"] = np.zeros(3)


def soft_link(file: h5py.File) -> None:
    del file["SAX"]
    file["SAX"] = h5py.SoftLink("/4CH")


def flat(file: h5py.File) -> None:
    del file["SAX"]
    file["SAX"] = np.zeros(8, np.uint8)


def nothing(file: h5py.File) -> None:
    del file["SAX"]
    file["SAX"] = h5py.Empty("u1")


def texts(file: h5py.File) -> None:
    del file["SAX"]
    file["SAX"] = ["a", "b"]


@pytest.mark.parametrize(
    "spoil", [narrow_floats, wide_integers, group, foreign_member, soft_link, flat, nothing, texts]
)
def test_members_and_types_that_no_store_has_are_damage(store: Path, spoil: Callable[[h5py.File], None]) -> None:
    with h5py.File(study_path(store, *KEYS), "a") as file:
        spoil(file)
    assert outcome(store) == "damaged"
    assert check_file(Task(store, *KEYS)).problems


def test_a_view_and_a_slice_that_are_not_there_are_named(store: Path) -> None:
    with open_study(store, *KEYS) as file:
        with pytest.raises(PreprocessError, match=f"no study {KEYS[1]}, view 2CH"):
            view_data(file, "2CH")
        with pytest.raises(PreprocessError, match=f"no study {KEYS[1]}, view SAX, slice 2"):
            read_clip(file, "SAX", 2)


@pytest.mark.parametrize(
    "fault", [MemoryError(), PermissionError(13, "denied"), OSError(24, "too many"), OSError(28, "no space")]
)
def test_what_the_machine_lacks_is_no_damage(store: Path, fault: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MachineError), reading_hdf5("a file"):
        raise fault
    original = h5py.File.__init__

    def fail(*arguments: Any, **options: Any) -> None:
        original(*arguments, **options)
        raise fault

    monkeypatch.setattr(h5py.File, "__init__", fail)
    with pytest.raises(MachineError):
        read_study(store, *KEYS)
    (problem,) = check_file(Task(store, *KEYS)).problems
    assert problem.check is Check.UNCHECKED
    assert "this machine" in problem.problem


@pytest.mark.parametrize("kind", [TypeError, AttributeError, IndexError, NameError, AssertionError])
def test_an_error_of_our_own_is_no_damage(kind: type[Exception]) -> None:
    with pytest.raises(kind), reading_hdf5("a file"):
        raise kind("a fault of the software")
