"""Runs of `import-legacy`: the ledger accounts for every frame and file, and no run undoes another."""

from __future__ import annotations

import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from preprocess.errors import PreprocessError
from preprocess.store.manifest import read_manifest
from preprocess.store.study_file import studies_in
from preprocess.store.views import View
from tests.support.legacy_files import LAYOUTS, add, run_import, stack, study_file
from tests.support.stores import hashes, ledger, only_study


def test_every_frame_of_every_file_is_stored_or_in_the_ledger(tmp_path: Path) -> None:
    path = study_file(tmp_path / "in", "A rgb")
    add(path, "SCOUT_3PL", stack((1, 1, 1)), lost=1)
    add(path, "SAX_FIESTA_BH_b", stack((12, 13)))
    add(path, "2CH_FIESTA_BH", stack((20, 9, 15, 41)))
    add(path, "3CH_FIESTA_BH", stack((9, 5)))
    rows = ledger(run_import(tmp_path / "store", tmp_path / "in"))
    found = sorted((row.view, row.outcome, int(row.n_files), row.reason) for row in rows.itertuples())
    lost = "files that the legacy tool counted and could not read"
    assert found == [
        ("", "left_out", 1, lost),
        ("", "left_out", 2, lost),
        ("", "left_out", 3, "description: localiser or scout"),
        ("2CH", "left_out", 9, "no cine: 9 frames, fewer than 10 (slice 2 of 4 in the file)"),
        ("2CH", "left_out", 15, "incomplete slice: 15 of 41 frames (slice 3 of 4 in the file)"),
        ("2CH", "left_out", 20, "incomplete slice: 20 of 41 frames (slice 1 of 4 in the file)"),
        ("2CH", "stored", 85, "description: two-chamber"),
        ("3CH", "left_out", 14, "no cine: 9 frames, fewer than 10"),
        ("4CH", "stored", 14, "description: four-chamber"),
        ("SAX", "left_out", 25, "another SAX series was used (better evidence or more complete)"),
        ("SAX", "stored", 37, "description: short-axis"),
    ]


def test_a_bad_file_never_stops_the_run(tmp_path: Path) -> None:
    root = tmp_path / "in"
    study_file(root)
    (root / "penn_m2").mkdir()
    (root / "penn_m2" / "acc2.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + b"\0" * 100)
    (root / "penn_m2" / "acc3.h5").write_bytes((root / "penn_m1" / "acc1.h5").read_bytes()[:3000])
    add(root / "penn_m3" / "acc4.h5", "AX_HASTE", stack((30,)))
    with h5py.File(root / "penn_m3" / "acc5.h5", "w"):
        pass
    (root / "penn_m1" / "notes.txt").write_text("hello")
    add(root / "nobody" / "acc6.h5", "SAX", stack((12,)), "B")
    add(root / "z_again" / "penn_m1" / "acc1.h5", "SAX", stack((12,)), "B")
    store = run_import(tmp_path / "store", root, workers=2)
    assert len(list(studies_in(store))) == 1
    counts = ledger(store).query("outcome == 'left_out'")["reason"].value_counts().to_dict()
    lost = counts.pop("files that the legacy tool counted and could not read")
    assert lost == 1
    assert counts == {
        "not a readable HDF file": 2,
        "description: black blood or spin echo": 1,
        "empty: no series in it": 1,
        "not named as an HDF file": 1,
        "not in a folder <institution>_<mrn>": 1,
        "another file of this patient folder and study was used": 1,
    }
    assert not list(store.rglob("*.tmp"))


def test_a_finished_import_is_not_done_again_and_a_changed_one_is(tmp_path: Path) -> None:
    root = tmp_path / "in"
    study_file(root)
    other = study_file(root, study="acc2")
    store = run_import(tmp_path / "store", root)
    before, times = hashes(store), {path: path.stat().st_mtime_ns for path in store.glob("*/*.h5")}
    text = (store / "ledger.csv").read_bytes()
    run_import(store, root)
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert (store / "ledger.csv").read_bytes() == text

    (lost, kept) = sorted(times)
    os.truncate(lost, 1000)
    run_import(store, root)
    assert hashes(store) == before
    assert kept.stat().st_mtime_ns == times[kept]

    run_import(store, root, pixel_spacing=2.0)  # another option: everything again
    assert set(read_manifest(store)["row_spacing_mm"]) == {2.0}

    os.truncate(other, 2000)  # the source decayed: what was stored of it stays, and the ledger says so
    run_import(store, root, pixel_spacing=2.0)
    assert hashes(store) == before
    assert any(reason.startswith("kept from an earlier run") for reason in ledger(store)["reason"])

    other.unlink()
    add(other, "AX_HASTE", stack((30,)))  # the file was read and has no view any more: so does the store
    run_import(store, root, pixel_spacing=2.0)
    assert len(hashes(store)) == 1


def test_one_process_and_several_make_the_same_store(tmp_path: Path) -> None:
    for number in range(4):
        study_file(tmp_path / "in", LAYOUTS[number % 3], study=f"acc{number}", patient=f"penn_m{number // 2}")
    first = run_import(tmp_path / "one", tmp_path / "in", workers=0)
    second = run_import(tmp_path / "two", tmp_path / "in", workers=2)
    assert hashes(first) == hashes(second)
    assert len(hashes(first)) == 4
    assert (first / "ledger.csv").read_bytes() == (second / "ledger.csv").read_bytes()


def test_a_store_keeps_its_key_and_bits(tmp_path: Path) -> None:
    study_file(tmp_path / "in")
    store = run_import(tmp_path / "store", tmp_path / "in")
    with pytest.raises(PreprocessError, match="bits"):
        run_import(store, tmp_path / "in", bits=16)
    with pytest.raises(PreprocessError, match="key"):
        run_import(store, tmp_path / "in", key=tmp_path / "other.key")


def test_a_series_that_does_not_fit_into_memory_is_left_out_before_it_is_read(tmp_path: Path) -> None:
    path = study_file(tmp_path / "in")
    with h5py.File(path, "a") as file:
        big = file.create_dataset("2CH", data=np.ones((3, 70, 256, 256), "f4"), compression="gzip")
        big.attrs["slice_frames"], big.attrs["total_images"] = np.zeros(0, np.int32), np.int32(70)
    store = run_import(tmp_path / "store", tmp_path / "in", memory=64)
    assert set(only_study(store).views) == {View.SAX, View.CH4}
    assert "series needs more than 64 MB of memory (raise --memory)" in set(ledger(store)["reason"])


def test_a_study_of_another_source_is_not_overwritten(tmp_path: Path) -> None:
    study_file(tmp_path / "first")
    store = run_import(tmp_path / "store", tmp_path / "first")
    before = hashes(store)
    add(tmp_path / "second" / "penn_m1" / "acc1.h5", "SAX", stack((12,), level=9), "B")
    run_import(store, tmp_path / "second")
    assert hashes(store) == before
    assert "study already stored from another source" in set(ledger(store)["reason"])
