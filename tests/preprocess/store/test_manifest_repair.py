"""A manifest that is wrong is made again from the files, by the command that the remedy names."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from preprocess.store.manifest import build_manifest, read_manifest, write_manifest
from tests.support.factories import SeriesSpec, files, write_zip
from tests.support.stores import convert

SPOILED: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "every row twice": lambda table: pd.concat([table, table], ignore_index=True),
    "a slice again": lambda table: table.assign(slice=[0, 0, 2]),
    "slices from 1": lambda table: table.assign(slice=table["slice"] + 1),
    "a hole": lambda table: table.drop(index=1),
    "no number": lambda table: table.assign(slice=table["slice"].astype(float).where(table["slice"] > 0)),
    "text": lambda table: table.assign(slice="one"),
    "a column less": lambda table: table.drop(columns="vendor"),
    "nothing": lambda table: table.iloc[:0],
}


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
def test_a_spoiled_manifest_is_not_taken_over(spoil: Callable[[pd.DataFrame], pd.DataFrame], tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "a.zip", files(SeriesSpec(n_slices=3)))
    store = convert(tmp_path / "store", archive)
    whole = read_manifest(store)
    path = store / "clips.parquet"
    spoil(whole).to_parquet(path, index=False)
    later = path.stat().st_mtime + 1000  # the studies are older than the manifest, which would be taken over
    os.utime(path, (later, later))
    pd.testing.assert_frame_equal(build_manifest(store), whole)
    convert(store, archive)
    pd.testing.assert_frame_equal(read_manifest(store), whole)


def test_a_sound_manifest_is_taken_over(tmp_path: Path) -> None:
    store = convert(tmp_path / "store", write_zip(tmp_path / "a.zip", files(SeriesSpec(n_slices=3))))
    told = read_manifest(store).assign(vendor="taken over")
    write_manifest(store, told)
    later = (store / "clips.parquet").stat().st_mtime + 1000
    os.utime(store / "clips.parquet", (later, later))
    assert set(build_manifest(store)["vendor"]) == {"taken over"}
