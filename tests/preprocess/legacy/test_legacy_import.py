"""`import-legacy`: the store holds the legacy pixels slice by slice, and the ledger accounts for all else."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from preprocess.cines.pixels import PERCENTILES
from preprocess.commands import import_legacy
from preprocess.errors import PreprocessError
from preprocess.labels.splits import read_splits
from preprocess.labels.table import read_labels
from preprocess.legacy.view_map import read_view_map
from preprocess.privacy.keys import load_key
from preprocess.store.ledger import read_records
from preprocess.store.manifest import read_manifest
from preprocess.store.study_file import studies_in
from preprocess.store.views import View
from tests.support.legacy_files import add, cine, grey8, stack
from tests.support.stores import hashes, ledger, only_study

LAYOUTS = ("A rgb", "A grey", "B")
NAMES = {"A rgb": ("SAX_FIESTA_BH", "4CH_FIESTA_BH"), "A grey": ("Kurzachse_cine", "cine_HLA"), "B": ("SAX", "4CH")}


def run_import(out: Path, *inputs: Path, code: int = 0, **options: object) -> Path:
    parser = argparse.ArgumentParser()
    import_legacy.configure(parser)
    arguments = ["--out", str(out), "--workers", str(options.pop("workers", 0))]
    for path in inputs:
        arguments += ["--input", str(path)]
    for name, value in {"key": out.parent / "site.key", **options}.items():
        option = f"--{name.replace('_', '-')}"
        arguments += [option] if value is True else [option, str(value)]
    assert import_legacy.run(parser.parse_args(arguments)) == code
    return out


def one_file(root: Path, layout: str = "B", *, study: str = "acc1", patient: str = "penn_m1") -> Path:
    sax, four = NAMES[layout]
    path = add(root / patient / f"{study}.h5", sax, stack((12, 13, 12)), layout, lost=2)
    return add(path, four, stack((14,), level=3), layout)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_comes_out_slice_by_slice(tmp_path: Path, layout: str) -> None:
    one_file(tmp_path / "in", layout)
    bits = 8 if layout == "A grey" else 16
    study = only_study(run_import(tmp_path / "store", tmp_path / "in", bits=bits))
    assert set(study.views) == {View.SAX, View.CH4}
    for view, slices in ((View.SAX, stack((12, 13, 12))), (View.CH4, stack((14,), level=3))):
        counts = [len(one) for one in slices]
        expected = np.split(grey8(slices), np.cumsum(counts)[:-1]) if layout == "A grey" else slices
        found = study.views[view]
        assert found.n_frames.tolist() == counts
        for index, wanted in enumerate(expected):
            np.testing.assert_array_equal(found.pixels[index, : len(wanted)], wanted)
            assert not found.pixels[index, len(wanted) :].any()


def test_scanner_numbers_get_the_robust_window_of_the_conversion(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    slices = [rng.gamma(2.0, 200.0, (12, 24, 20)).astype(np.float32) for _ in range(2)]
    slices[0][0, 0, 0] = 60_000  # a hot pixel, which would dim a window from least to largest
    add(tmp_path / "in" / "penn_m1" / "acc1.h5", "SAX", slices, "B")
    sax = only_study(run_import(tmp_path / "store", tmp_path / "in")).views[View.SAX]
    low, high = np.percentile(np.concatenate(slices), PERCENTILES, method="inverted_cdf")
    expected = np.rint(np.clip((np.stack(slices) - low) / (high - low), 0, 1) * 255)
    assert np.abs(sax.pixels.astype(float) - expected).max() <= 1  # single against double precision at a half
    assert np.mean(sax.pixels == expected) > 0.999
    assert sax.intensity_window == pytest.approx((low, high))


def test_frames_that_pad_a_short_slice_do_not_count_in_the_window(tmp_path: Path) -> None:
    slices = [one + 5000 for one in stack((30, 30, 27))]
    add(tmp_path / "in" / "penn_m1" / "acc1.h5", "SAX", slices, "B")
    sax = only_study(run_import(tmp_path / "store", tmp_path / "in")).views[View.SAX]
    assert sax.intensity_window[0] >= 5000


def test_what_the_files_do_not_hold_is_unknown_and_not_guessed(tmp_path: Path) -> None:
    one_file(tmp_path / "in", "A grey")
    store = run_import(tmp_path / "store", tmp_path / "in")
    sax = only_study(store).views[View.SAX]
    for value in (
        sax.pixel_spacing,
        sax.slice_thickness,
        sax.image_orientation,
        sax.image_position,
        sax.trigger_time,
        sax.intensity_window,
    ):
        assert np.isnan(value).all()
    clips = read_manifest(store)
    assert len(clips) == 4
    assert clips[["row_spacing_mm", "slice_thickness_mm", "age_years"]].isna().all().all()
    assert (clips["vendor"] == "").all()
    assert clips.equals(read_manifest(store / "clips.csv")[clips.columns])


def test_a_known_pixel_size_is_stored(tmp_path: Path) -> None:
    one_file(tmp_path / "in")
    store = run_import(tmp_path / "store", tmp_path / "in", pixel_spacing=1.4)
    assert only_study(store).views[View.SAX].pixel_spacing == (1.4, 1.4)
    with pytest.raises(PreprocessError, match="pixel size"):
        run_import(tmp_path / "other", tmp_path / "in", pixel_spacing=0)


def test_every_frame_of_every_file_is_stored_or_in_the_ledger(tmp_path: Path) -> None:
    path = one_file(tmp_path / "in", "A rgb")
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


def test_a_slice_with_two_acquisitions_in_one_is_left_out(tmp_path: Path) -> None:
    add(tmp_path / "in" / "penn_m1" / "acc1.h5", "SAX", stack((20, 20, 40, 20)), "B")
    store = run_import(tmp_path / "store", tmp_path / "in", bits=16)
    sax = only_study(store).views[View.SAX]
    assert sax.pixels[:, 0, 0, 0].tolist() == [0, 100, 300]
    assert "acquisitions mixed" in "\n".join(ledger(store)["reason"])


def test_pieces_of_uk_biobank_become_one_stack_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "in" / "ukbiobank_1234567" / "abc.h5"
    for number in (10, 1, 2, 3):
        add(path, f"CINE_segmented_SAX_b{number}", [cine(number, 50)])
        add(path, f"CINE_segmented_SAX_b{number}_InlineVF", [cine(number, 50, level=5)])
    add(path, "CINE_segmented_SAX", [cine(8, 50, level=7)])
    store = run_import(tmp_path / "store", tmp_path / "in", bits=16)
    assert only_study(store).views[View.SAX].pixels[:, 0, 0, 0].tolist() == [100, 200, 300, 1000]
    rows = ledger(store)
    assert (rows["outcome"] == "stored").sum() == 4
    assert (rows["reason"] == "description: overlay or derived result").sum() == 4


def test_the_best_series_of_a_view_is_taken_as_in_a_conversion(tmp_path: Path) -> None:
    path = tmp_path / "in" / "penn_m1" / "acc1.h5"
    add(path, "SAX_FIESTA_NBH", stack((20,) * 9, level=1))  # free breathing: a lesser variant with more slices
    add(path, "SAX_FIESTA_BH", stack((20,) * 3, level=2))
    add(path, "SAX_FIESTA_BH_2", stack((20,) * 4, level=3))
    add(path, "SAX_FIESTA_BH_3", stack((20,) * 4, level=4))
    sax = only_study(run_import(tmp_path / "store", tmp_path / "in", bits=16)).views[View.SAX]
    assert sax.pixels[:, 0, 0, 0].tolist() == [4000, 4100, 4200, 4300]


def test_a_candidate_that_cannot_be_read_gives_way_to_the_next(tmp_path: Path) -> None:
    path = tmp_path / "in" / "penn_m1" / "acc1.h5"
    add(path, "SAX_FIESTA_BH", stack((20,) * 3, level=1))
    add(path, "SAX_FIESTA_BH_2", stack((20,) * 4, level=2))
    with h5py.File(path, "a") as file:
        file["SAX_FIESTA_BH_2"][30, 1, 0, 0] += 1
    store = run_import(tmp_path / "store", tmp_path / "in", bits=16)
    assert only_study(store).views[View.SAX].pixels[:, 0, 0, 0].tolist() == [1000, 1100, 1200]
    assert "data set 2: its channels differ (a colour picture)" in set(ledger(store)["reason"])


def test_a_view_map_and_site_rules_come_before_the_rules(tmp_path: Path) -> None:
    path = one_file(tmp_path / "in", "A rgb")
    add(path, "Some_name_of_ours", stack((20,), level=2))
    add(path, "another name", stack((20,), level=4))
    table = tmp_path / "map.csv"
    table.write_text("series_description,view\n4CH FIESTA/BH,\nsome name of ours,2CH\n")
    rules = tmp_path / "site.yaml"
    rules.write_text("- match: another name\n  view: 3CH\n")
    study = only_study(run_import(tmp_path / "store", tmp_path / "in", bits=16, views=table, site=rules))
    corners = {view: int(stack.pixels[0, 0, 0, 0]) for view, stack in study.views.items()}
    assert corners == {View.SAX: 0, View.CH2: 2000, View.CH3: 4000}


def test_the_papers_own_maps_are_read_with_their_doubles(tmp_path: Path) -> None:
    table = tmp_path / "map.csv"
    table.write_text(
        "\ufeffseries_description,counts,cleaned_series_names\nShort_Ax_Mid,9,SAX\nshort ax/mid,3,\nLVOT,1,LVOT\n"
    )
    assert read_view_map(table) == {"short_ax_mid": View.SAX, "lvot": None}
    table.write_text("series_description,view\nA,SAX\nB,4CH\na,4CH\n")
    with pytest.raises(PreprocessError, match="row 3"):
        read_view_map(table)
    table.write_text("series_description,view\nA,RV\n")
    with pytest.raises(PreprocessError, match="row 1: unknown view"):
        read_view_map(table)


def test_a_bad_file_never_stops_the_run(tmp_path: Path) -> None:
    root = tmp_path / "in"
    one_file(root)
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
    one_file(root)
    other = one_file(root, study="acc2")
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
        one_file(tmp_path / "in", LAYOUTS[number % 3], study=f"acc{number}", patient=f"penn_m{number // 2}")
    first = run_import(tmp_path / "one", tmp_path / "in", workers=0)
    second = run_import(tmp_path / "two", tmp_path / "in", workers=2)
    assert hashes(first) == hashes(second)
    assert len(hashes(first)) == 4
    assert (first / "ledger.csv").read_bytes() == (second / "ledger.csv").read_bytes()


def test_a_store_keeps_its_key_and_bits(tmp_path: Path) -> None:
    one_file(tmp_path / "in")
    store = run_import(tmp_path / "store", tmp_path / "in")
    with pytest.raises(PreprocessError, match="bits"):
        run_import(store, tmp_path / "in", bits=16)
    with pytest.raises(PreprocessError, match="key"):
        run_import(store, tmp_path / "in", key=tmp_path / "other.key")


def test_eight_bit_files_are_not_passed_off_as_scanner_values(tmp_path: Path) -> None:
    one_file(tmp_path / "in", "A grey")
    with pytest.raises(PreprocessError, match="nothing could be stored"):
        run_import(tmp_path / "store", tmp_path / "in", bits=16)
    assert "scanner's values are lost" in "\n".join(ledger(tmp_path / "store")["reason"])


def test_a_series_that_does_not_fit_into_memory_is_left_out_before_it_is_read(tmp_path: Path) -> None:
    path = one_file(tmp_path / "in")
    with h5py.File(path, "a") as file:
        big = file.create_dataset("2CH", data=np.ones((3, 70, 256, 256), "f4"), compression="gzip")
        big.attrs["slice_frames"], big.attrs["total_images"] = np.zeros(0, np.int32), np.int32(70)
    store = run_import(tmp_path / "store", tmp_path / "in", memory=64)
    assert set(only_study(store).views) == {View.SAX, View.CH4}
    assert "series needs more than 64 MB of memory (raise --memory)" in set(ledger(store)["reason"])


def test_a_study_of_another_source_is_not_overwritten(tmp_path: Path) -> None:
    one_file(tmp_path / "first")
    store = run_import(tmp_path / "store", tmp_path / "first")
    before = hashes(store)
    add(tmp_path / "second" / "penn_m1" / "acc1.h5", "SAX", stack((12,), level=9), "B")
    run_import(store, tmp_path / "second")
    assert hashes(store) == before
    assert "study already stored from another source" in set(ledger(store)["reason"])


def test_no_name_leaves_the_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = one_file(tmp_path / "in", "A rgb", patient="penn_SECRETMRN", study="SECRETACC")
    add(path, "SECRET_DOE_JANE", stack((20,)))
    add(path, "SAX_SECRET_DOE", stack((11,)), slice_frames=(50,))
    store = run_import(tmp_path / "store", tmp_path / "in")
    printed = "".join(capsys.readouterr())
    written = b"".join(file.read_bytes() for file in store.rglob("*") if file.is_file())
    assert b"SECRET" not in written.upper()
    assert "SECRET" not in printed.upper()
    assert "SECRET" not in "".join(str(file.relative_to(store)) for file in store.rglob("*")).upper()
    study = only_study(store)
    with h5py.File(store / study.patient / f"{study.study}.h5") as file:
        text = str(dict(file.attrs)) + "".join(str(dict(file[name].attrs)) for name in file)
    assert "SECRET" not in text.upper()


def test_the_crosswalk_and_only_it_names_the_patient(tmp_path: Path) -> None:
    one_file(tmp_path / "in")
    store = run_import(tmp_path / "store", tmp_path / "in", crosswalk=tmp_path / "crosswalk.csv")
    table = pd.read_csv(tmp_path / "crosswalk.csv", dtype=str).set_index("kind")
    study = only_study(store)
    assert table.loc["patient", ["hash", "identifier"]].tolist() == [study.patient, "penn_m1"]
    assert table.loc["study", ["hash", "identifier"]].tolist() == [study.study, "acc1"]
    assert all("acc1" not in json.dumps(record.rows, default=str) for record in read_records(store))


MASTER = """parent_folder,accession,split,view,institution,Amyloid,PureNormal,lvef,code
penn_m1,acc1.h5,train,4CH,penn,1.0,0,55.5,77
penn_m1,acc2.h5,train,,penn,,1,40,78
penn_m2,acc3.h5,test,,penn,nan,0,33,79
penn_m9,acc9.h5,val,,penn,1,1,60,80
"""


def _three_studies(root: Path) -> Path:
    for patient, study in (("penn_m1", "acc1"), ("penn_m1", "acc2"), ("penn_m2", "acc3")):
        add(root / patient / f"{study}.h5", "4CH", stack((12,)), "B")
    add(root / "penn_m3" / "acc4.h5", "4CH", stack((12,)), "B")
    return root


def test_the_master_table_becomes_labels_and_splits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "master.csv").write_text(MASTER)
    store = run_import(tmp_path / "store", _three_studies(tmp_path / "in"), master=tmp_path / "master.csv")
    key = load_key(tmp_path / "site.key")
    name = {study: key.study(patient, study) for patient, study in (("penn_m1", "acc1"), ("penn_m1", "acc2"))}
    name |= {"acc3": key.study("penn_m2", "acc3"), "acc4": key.study("penn_m3", "acc4")}
    labels = read_labels(tmp_path / "labels.csv")
    assert labels.columns.tolist() == ["Amyloid", "PureNormal"]  # `code` may be anything: only 0 and 1 go by themselves
    assert set(labels.index) == set(name.values()) == {study for _, study in studies_in(store)}
    assert labels.loc[name["acc1"]].tolist() == [1.0, 0.0]
    assert np.isnan(labels.loc[name["acc3"], "Amyloid"])
    assert labels.loc[name["acc4"]].isna().all()
    splits = read_splits(tmp_path / "splits.csv").set_index("study")
    assert splits["split"].to_dict() == {name["acc1"]: "train", name["acc2"]: "train", name["acc3"]: "test"}
    assert splits.loc[name["acc3"], "patient"] == key.patient("penn_m2")
    printed = capsys.readouterr().out
    assert "not taken as targets: lvef, code" in printed
    assert "penn_m" not in printed

    with pytest.raises(PreprocessError, match="other labels"):
        run_import(store, tmp_path / "in", master=tmp_path / "master.csv", columns="lvef")
    run_import(store, tmp_path / "in", master=tmp_path / "master.csv", columns="lvef", overwrite=True)
    assert read_labels(tmp_path / "labels.csv").loc[name["acc2"], "lvef"] == 40.0


def test_a_patient_in_two_splits_of_the_master_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "master.csv").write_text(MASTER.replace("acc2.h5,train", "acc2.h5,test"))
    with pytest.raises(PreprocessError, match="1 patients are in more than one split"):
        run_import(tmp_path / "store", _three_studies(tmp_path / "in"), master=tmp_path / "master.csv")
    assert not (tmp_path / "splits.csv").exists()


def test_a_master_table_of_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "master.csv").write_text(MASTER.replace("penn_m", "stanford_m"))
    with pytest.raises(PreprocessError, match="none of the 4 rows"):
        run_import(tmp_path / "store", _three_studies(tmp_path / "in"), master=tmp_path / "master.csv")
