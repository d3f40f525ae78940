"""Members of a study file that no store has: reported, and no link is followed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from preprocess.verification.problem import Check
from tests.support.verified_stores import KEYS, STRANGER, checked, path_of
from tests.support.watching import watched


def external_link(file: h5py.File, other: Path) -> None:
    del file["2CH"]
    file["2CH"] = h5py.ExternalLink(str(other), "/2CH")


def soft_link(file: h5py.File, other: Path) -> None:
    del file["2CH"]
    file["2CH"] = h5py.SoftLink("/4CH")


def virtual(file: h5py.File, other: Path) -> None:
    layout = h5py.VirtualLayout(shape=file["2CH"].shape, dtype="u1")
    layout[:] = h5py.VirtualSource(str(other), "2CH", shape=file["2CH"].shape)
    del file["2CH"]
    file.create_virtual_dataset("2CH", layout)


def external_storage(file: h5py.File, other: Path) -> None:
    shape = file["2CH"].shape
    del file["2CH"]
    file.create_dataset("2CH", shape, "u1", external=[(str(other), 0, h5py.h5f.UNLIMITED)])


def pickled_objects(file: h5py.File, other: Path) -> None:
    del file["2CH"]
    file.create_dataset("2CH", (2,), h5py.vlen_dtype(np.uint8))


def group(file: h5py.File, other: Path) -> None:
    del file["2CH"]
    file.create_group("2CH")


def foreign_member(file: h5py.File, other: Path) -> None:
    file[STRANGER] = np.zeros(3)


def foreign_codec(file: h5py.File, other: Path) -> None:
    pixels = file["2CH"][()]
    del file["2CH"]
    file.create_dataset("2CH", data=pixels, chunks=(1, *pixels.shape[1:]), scaleoffset=0)


def huge(file: h5py.File, other: Path) -> None:
    del file["2CH"]
    file.create_dataset("2CH", (4, 2000, 4096, 4096), "u2", chunks=(1, 2000, 64, 64))


def other_chunks(file: h5py.File, other: Path) -> None:
    pixels = file["2CH"][()]
    del file["2CH"]
    file.create_dataset("2CH", data=pixels, chunks=(1, 1, *pixels.shape[2:]))


def floats(file: h5py.File, other: Path) -> None:
    pixels = file["2CH"][()]
    del file["2CH"]
    file.create_dataset("2CH", data=pixels.astype("f4"), chunks=(1, *pixels.shape[1:]))


@pytest.mark.parametrize(
    "spoil",
    [external_link, soft_link, virtual, external_storage, pickled_objects, group, foreign_member, foreign_codec, huge,
     other_chunks, floats],
)  # fmt: skip
def test_what_a_store_must_not_hold_is_reported_and_never_followed(
    store: Path, tmp_path: Path, spoil: Callable[[h5py.File, Path], None]
) -> None:
    other = tmp_path / "other.h5"
    shutil.copy(path_of(store, 1), other)
    with h5py.File(path_of(store), "a") as file:
        spoil(file, other)
    with watched(other) as is_opened:
        result = checked(store)
        assert not is_opened()
        other.read_bytes()
        assert is_opened(), "the watch itself works"
    mine = [problem for problem in result.problems if problem.study == KEYS[0][1]]
    assert any(problem.check is Check.STRUCTURE for problem in mine)
    assert {"4CH", "SAX"} <= set(result.clips.loc[result.clips["study"] == KEYS[0][1], "view"])
    assert "2CH" not in set(result.clips.loc[result.clips["study"] == KEYS[0][1], "view"]) or spoil is foreign_member
    assert all(STRANGER not in problem.problem for problem in mine)
