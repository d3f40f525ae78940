"""Stores and tables of version 0.3 are read, gone on with, and made alike.

Files: tests/support/make_files_of_0_3.py.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from preprocess.cli import main
from tests.support.commands import succeed
from tests.support.make_files_of_0_3 import conversion, make_tables, quality

pytestmark = pytest.mark.slow
both_widths = pytest.mark.parametrize("bits", [8, 16])


def studies(store: Path) -> dict[str, int]:
    """When each study file was written, in ns."""
    times = {str(path.relative_to(store)): path.stat().st_mtime_ns for path in sorted(store.glob("*/*.h5"))}
    assert len(times) == 4
    return times


def copied(old: Path, bits: int, tmp_path: Path) -> Path:
    return shutil.copytree(old / f"store_{bits}", tmp_path / "store")


def assert_same_tables(ours: Path, theirs: Path) -> None:
    for name in ("clips.csv", "ledger.csv"):
        assert (ours / name).read_bytes() == (theirs / name).read_bytes(), name
    pd.testing.assert_frame_equal(pd.read_parquet(ours / "clips.parquet"), pd.read_parquet(theirs / "clips.parquet"))


def attributes(item: h5py.Group | h5py.Dataset) -> dict[str, object]:
    """As plain values; the version of the software may differ."""
    return {name: np.asarray(value).tolist() for name, value in item.attrs.items() if name != "software_version"}


@both_widths
def test_every_pixel_of_a_store_is_verified(bits: int, old: Path, tmp_path: Path) -> None:
    succeed(
        main,
        "verify",
        "--store",
        old / f"store_{bits}",
        "--out",
        tmp_path,
        "--splits",
        old / "splits.csv",
        "--workers",
        0,
    )
    assert pd.read_csv(tmp_path / "verification.csv").empty


@both_widths
def test_a_finished_store_is_left_as_it_is(bits: int, old: Path, tmp_path: Path) -> None:
    store = copied(old, bits, tmp_path)
    succeed(main, *conversion(old, store, bits))
    assert studies(store) == studies(old / f"store_{bits}")
    assert_same_tables(store, old / f"store_{bits}")


def test_a_missing_study_alone_is_converted_again(old: Path, tmp_path: Path) -> None:
    store = copied(old, 8, tmp_path)
    before = studies(store)
    lost = next(iter(before))
    (store / lost).unlink()
    succeed(main, *conversion(old, store, 8))
    assert [name for name, time in studies(store).items() if time != before[name]] == [lost]
    assert_same_tables(store, old / "store_8")


@both_widths
def test_a_new_conversion_makes_the_same_store(bits: int, old: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    succeed(main, *conversion(old, store, bits))
    assert studies(store).keys() == studies(old / f"store_{bits}").keys()
    for name in studies(store):
        with h5py.File(store / name) as ours, h5py.File(old / f"store_{bits}" / name) as theirs:
            assert attributes(ours) == attributes(theirs)
            assert set(ours) == set(theirs)
            for view in theirs:
                assert ours[view].dtype == theirs[view].dtype
                assert ours[view].chunks == theirs[view].chunks
                np.testing.assert_array_equal(ours[view][()], theirs[view][()])
                assert attributes(ours[view]) == attributes(theirs[view]), view
    assert_same_tables(store, old / f"store_{bits}")


def test_the_tables_of_training_come_out_as_they_did(old: Path, tmp_path: Path) -> None:
    for command in make_tables(old, tmp_path):
        succeed(main, *command)
    for name in ("labels.csv", "splits.csv", "labels.ledger.csv", "sentences.ledger.csv"):
        assert (tmp_path / name).read_bytes() == (old / name).read_bytes(), name
    ours, theirs = (json.loads((folder / "sentences.json").read_text()) for folder in (tmp_path, old))
    assert theirs.pop("software_version") != ours["software_version"]
    assert {name: ours.get(name) for name in theirs} == theirs  # newer versions may say more


def test_extending_the_splits_by_nobody_leaves_them_as_they_are(old: Path, tmp_path: Path) -> None:
    out = tmp_path / "splits.csv"
    succeed(main, "splits", "--store", old / "store_16", "--extend", old / "splits.csv", "--out", out)
    assert out.read_bytes() == (old / "splits.csv").read_bytes()


@both_widths
def test_clips_are_measured_as_they_were(bits: int, old: Path, tmp_path: Path) -> None:
    succeed(main, *quality(old, tmp_path, bits))
    assert (tmp_path / f"qc_{bits}.csv").read_bytes() == (old / f"qc_{bits}.csv").read_bytes()


@both_widths
def test_a_study_can_be_looked_at(bits: int, old: Path, tmp_path: Path) -> None:
    store = old / f"store_{bits}"
    succeed(main, "inspect", Path(next(iter(studies(store)))).stem, "--store", store, "--out", tmp_path, "--no-films")
    assert len(list(tmp_path.glob("*.png"))) == 1
