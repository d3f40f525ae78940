"""The conversion of studies: packing, order of frames, repeats, completeness, choice of series."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from preprocess.store.manifest import MANIFEST_COLUMNS, read_manifest
from preprocess.store.study_file import read_hashes
from preprocess.store.views import View
from tests.support.factories import (
    AXIAL,
    CH4,
    SAX,
    SeriesSpec,
    a_study,
    dataset,
    datasets,
    encode,
    files,
    write_folder,
    write_tgz,
    write_zip,
)
from tests.support.stores import as_stored, base_to_apex, convert, hashes, ledger, only_study, shuffled


def test_round_trip_is_exact(tmp_path: Path) -> None:
    specs = a_study()
    store = convert(tmp_path / "store", write_tgz(tmp_path / "in" / "a.tgz", files(*specs)), bits=16)
    study = only_study(store)
    assert set(study.views) == set(View)
    for view, spec in zip((View.CH4, View.CH2, View.CH3), specs[1:4], strict=True):
        np.testing.assert_array_equal(study.views[view].pixels, as_stored(spec))
    sax = study.views[View.SAX]
    np.testing.assert_array_equal(sax.pixels, as_stored(specs[4], base_to_apex(specs[4])))
    assert sax.pixel_spacing == (1.5, 1.25)
    assert sax.slice_thickness == 8.0
    assert list(sax.trigger_time[0]) == [40.0 * frame for frame in range(12)]
    np.testing.assert_allclose(np.diff(sax.image_position, axis=0) @ np.array([0.7, -0.5, -0.5]) > 0, True)
    assert (study.info.vendor, study.info.model, study.info.sex, study.info.age) == ("SIEMENS", "Aera", "F", 55.0)
    assert sax.intensity_window == (0.0, 65535.0)


def test_short_axis_slices_run_from_base_to_apex(tmp_path: Path) -> None:
    flipped = (*(-value for value in SAX[:3]), *SAX[3:])
    for number, plane in enumerate((SAX, flipped)):
        spec = SeriesSpec(orientation=plane)
        store = convert(tmp_path / f"store{number}", write_zip(tmp_path / f"{number}.zip", files(spec)), bits=16)
        stack = only_study(store).views[View.SAX]
        np.testing.assert_array_equal(stack.pixels, as_stored(spec, base_to_apex(spec)))
    assert base_to_apex(SeriesSpec()) != base_to_apex(SeriesSpec(orientation=flipped))


def test_packing_and_names_do_not_matter(tmp_path: Path) -> None:
    content = files(*a_study())
    inputs = {
        "tgz": write_tgz(tmp_path / "i1" / "a.tgz", content),
        "zip": write_zip(tmp_path / "i2" / "b.zip", content),
        "folder": write_folder(tmp_path / "i3", {f"deep/er/{name}": data for name, data in content.items()}),
        "renamed": write_folder(tmp_path / "i4", shuffled(content, 3)),
        "shuffled": write_tgz(tmp_path / "i5" / "c.tar.gz", shuffled(content, 5)),
    }
    found = {name: hashes(convert(tmp_path / name, path)) for name, path in inputs.items()}
    assert len(found["tgz"]) == 1
    assert all(value == found["tgz"] for value in found.values()), found


def test_manifest_has_a_row_per_view_and_slice(tmp_path: Path) -> None:
    store = convert(tmp_path / "store", write_zip(tmp_path / "a.zip", files(*a_study())))
    table = read_manifest(store)
    assert list(table.columns) == list(MANIFEST_COLUMNS)
    assert table.groupby("view").size().to_dict() == {"2CH": 1, "3CH": 1, "4CH": 1, "SAX": 3}
    _, slices = read_hashes(store, table.patient[0], table.study[0])
    assert list(table[table["view"] == "SAX"].pixel_sha256) == slices[View.SAX]
    pd.testing.assert_frame_equal(read_manifest(store / "clips.csv"), table, check_dtype=False)


def test_every_series_is_in_the_ledger(tmp_path: Path) -> None:
    specs = a_study()
    rows = ledger(convert(tmp_path / "store", write_zip(tmp_path / "a.zip", files(*specs))))
    assert sorted(rows.outcome) == ["left_out"] + ["stored"] * 4
    assert rows[rows.outcome == "left_out"].reason.item() == "description: localiser or scout"
    assert rows.n_files.astype(int).sum() == sum(spec.n_slices * spec.n_frames for spec in specs)


@pytest.mark.parametrize(
    ("tags", "what"),
    [
        ({"TriggerTime": None, "InstanceNumber": None}, "temporal index"),
        ({"TriggerTime": None, "TemporalPositionIdentifier": None}, "instance number"),
        ({"InstanceNumber": 1, "TemporalPositionIdentifier": None}, "trigger time"),
    ],
)
def test_frames_are_ordered_by_what_the_headers_say(tmp_path: Path, tags: dict[str, object], what: str) -> None:
    spec = SeriesSpec(n_slices=2)
    content = {}
    for index, ds in enumerate(datasets(spec)):
        ds.TemporalPositionIdentifier = index % spec.n_frames + 1
        for keyword, value in tags.items():
            if value is None:
                delattr(ds, keyword)
            else:
                setattr(ds, keyword, value)
        content[f"IM{index}"] = encode(ds)
    store = convert(tmp_path / "store", write_zip(tmp_path / "a.zip", shuffled(content, 1)), bits=16)
    expected = as_stored(spec, base_to_apex(spec))
    np.testing.assert_array_equal(only_study(store).views[View.SAX].pixels, expected, err_msg=what)


def test_implausible_trigger_times_are_not_believed(tmp_path: Path) -> None:
    spec = SeriesSpec(n_slices=1)
    content = {}
    for frame in range(spec.n_frames):
        ds = dataset(spec, 0, frame)
        ds.TriggerTime = [900, 1, 2][frame % 3] * 10 + frame
        content[f"IM{frame}"] = encode(ds)
    store = convert(tmp_path / "store", write_zip(tmp_path / "a.zip", content), bits=16)
    np.testing.assert_array_equal(only_study(store).views[View.SAX].pixels, as_stored(spec))


def test_slice_location_is_not_believed(tmp_path: Path) -> None:
    spec = SeriesSpec(n_slices=3)
    content = {}
    for index, ds in enumerate(datasets(spec)):
        ds.SliceLocation = index % 5
        content[f"IM{index}"] = encode(ds)
    store = convert(tmp_path / "store", write_zip(tmp_path / "a.zip", content), bits=16)
    expected = as_stored(spec, base_to_apex(spec))
    np.testing.assert_array_equal(only_study(store).views[View.SAX].pixels, expected)


@pytest.mark.parametrize("how", ["numbered", "same series", "interleaved", "other series"])
def test_repeated_acquisitions_stay_apart_and_the_latest_is_used(tmp_path: Path, how: str) -> None:
    first = SeriesSpec(n_slices=1, level=1, acquired="101500")
    second = replace(first, level=2, acquired="102000", uid=f"{first.uid}.9")
    images = datasets(first) + datasets(second)
    for index, ds in enumerate(images):
        repeat, frame = divmod(index, first.n_frames)
        if how != "other series":
            ds.SeriesInstanceUID = first.uid
            ds.InstanceNumber = 2 * frame + repeat + 1 if how == "interleaved" else index + 1
            ds.AcquisitionNumber = repeat + 1 if how == "numbered" else 1
    content = {f"IM{index}": encode(ds) for index, ds in enumerate(images)}
    store = convert(tmp_path / "store", write_zip(tmp_path / "a.zip", shuffled(content, 2)), bits=16)
    np.testing.assert_array_equal(only_study(store).views[View.SAX].pixels, as_stored(second))
    rows = ledger(store)
    assert rows[rows.position_mm != ""].reason.str.startswith("repeated acquisition").tolist() == [True]


def test_the_most_complete_repeat_is_used(tmp_path: Path) -> None:
    whole = SeriesSpec(n_slices=1, level=1, acquired="101500")
    later = replace(whole, level=2, acquired="102000", uid=f"{whole.uid}.9")
    content = {f"a{i}": encode(ds) for i, ds in enumerate(datasets(whole))}
    content |= {f"b{i}": encode(ds) for i, ds in enumerate(datasets(later)[:-1])}
    store = convert(tmp_path / "store", write_zip(tmp_path / "a.zip", content), bits=16)
    np.testing.assert_array_equal(only_study(store).views[View.SAX].pixels, as_stored(whole))


def test_a_stack_split_over_series_is_joined(tmp_path: Path) -> None:
    whole = SeriesSpec(n_slices=4)
    content = {}
    for index, ds in enumerate(datasets(whole)):
        number = index // whole.n_frames + 1
        ds.SeriesInstanceUID, ds.SeriesDescription = f"{whole.uid}.{number}", f"CINE_segmented_SAX_b{number}"
        content[f"b{number}/{index}"] = encode(ds)
    store = convert(tmp_path / "store", write_zip(tmp_path / "a.zip", content), bits=16)
    expected = as_stored(whole, base_to_apex(whole))
    np.testing.assert_array_equal(only_study(store).views[View.SAX].pixels, expected)
    assert ledger(store).outcome.tolist() == ["stored"] * 4


def test_an_incomplete_slice_is_left_out_with_the_reason(tmp_path: Path) -> None:
    spec = SeriesSpec(n_slices=3, n_frames=20)
    content = {f"IM{i}": encode(ds) for i, ds in enumerate(datasets(spec)) if not 25 <= i < 30}
    store = convert(tmp_path / "store", write_zip(tmp_path / "a.zip", content))
    assert only_study(store).views[View.SAX].pixels.shape == (2, 20, 24, 20)
    rows = ledger(store)
    assert rows[rows.position_mm != ""].reason.tolist() == ["incomplete slice: 15 of 20 frames"]


def test_a_slice_may_lack_a_frame_and_is_padded(tmp_path: Path) -> None:
    spec = SeriesSpec(n_slices=2)
    content = {f"IM{i}": encode(ds) for i, ds in enumerate(datasets(spec)) if i != 11}
    stack = only_study(convert(tmp_path / "store", write_zip(tmp_path / "a.zip", content))).views[View.SAX]
    assert sorted(stack.n_frames) == [11, 12]
    short = int(np.argmin(stack.n_frames))
    assert stack.pixels[short, 11].max() == 0
    assert np.isnan(stack.trigger_time[short, 11])


def test_few_phases_are_no_cine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = files(SeriesSpec("SAX_FIESTA_BH", n_frames=9))
    store = convert(tmp_path / "store", write_zip(tmp_path / "a.zip", content), code=1)
    assert ledger(store).reason[0] == "no cine: 9 frames, fewer than 10"
    assert "nothing could be stored" in capsys.readouterr().err


def test_the_best_of_several_long_axes_is_used(tmp_path: Path) -> None:
    base = SeriesSpec("4CH_FIESTA_BH", CH4, 1, level=1, acquired="100000")
    better = replace(base, n_frames=20, level=2, uid=f"{base.uid}.2")
    decoy = replace(base, description="RV3CH_FIESTA_BH", n_frames=30, level=3, uid=f"{base.uid}.3")
    store = convert(tmp_path / "store", write_zip(tmp_path / "a.zip", files(base, better, decoy)), bits=16)
    study = only_study(store)
    assert set(study.views) == {View.CH4}
    np.testing.assert_array_equal(study.views[View.CH4].pixels, as_stored(better))
    assert ledger(store).outcome.tolist().count("left_out") == 2


def test_bad_files_do_not_stop_the_rest(tmp_path: Path) -> None:
    good = files(SeriesSpec(n_slices=1))
    other = files(SeriesSpec(n_slices=1, uid="1.2.3", tags={"PatientID": "MRN2", "AccessionNumber": "B"}))
    names = list(other)
    bad = {
        **good,
        "notes.txt": b"just text",
        "cut": other[names[0]][:-100],
        "head": other[names[1]][:200],
        "zero": b"",
        "nopixels": encode(_without(SeriesSpec(uid="1.2.4"), "PixelData")),
        "noplane": encode(_without(SeriesSpec(uid="1.2.4"), "ImageOrientationPatient")),
    }
    nobody = files(SeriesSpec(uid="1.2.5", n_slices=1, tags={"PatientID": ""}))
    write_zip(tmp_path / "in" / "bad.zip", bad)
    write_zip(tmp_path / "in" / "nobody.zip", nobody)
    write_zip(tmp_path / "in" / "empty.zip", {})
    write_tgz(tmp_path / "in" / "empty.tgz", {})
    (tmp_path / "in" / "zero.tgz").write_bytes(b"")
    whole = write_tgz(tmp_path / "cut" / "x.tgz", other).read_bytes()
    (tmp_path / "in" / "cut.tgz").write_bytes(whole[: len(whole) // 2])
    store = convert(tmp_path / "store", tmp_path / "in")
    assert only_study(store).views[View.SAX].n_frames.tolist() == [12]
    reasons = ledger(store).groupby("reason").n_files.apply(lambda column: column.astype(int).sum()).to_dict()
    assert reasons["not a DICOM file"] == 2
    assert reasons["truncated DICOM file (fewer pixels than its header says)"] == 1
    assert reasons["image without pixels (cut off or removed)"] == 1
    assert reasons["image without geometry (position, orientation, spacing or size is missing)"] == 1
    assert reasons["no PatientID or no study identifier"] == 12
    assert reasons["empty: no files in it"] == 0
    assert reasons["archive is damaged: what follows in it was not read"] == 2


def _without(spec: SeriesSpec, keyword: str) -> object:
    ds = dataset(spec, 0, 0)
    delattr(ds, keyword)
    return ds


def test_unnamed_planes_are_left_out_unless_the_heart_lies_in_them(tmp_path: Path) -> None:
    axial = SeriesSpec("cine", AXIAL, 2, uid="1.2.1")
    sax = SeriesSpec("PROT VD FEVD", SAX, 2, uid="1.2.2", level=1)
    store = convert(tmp_path / "store", write_zip(tmp_path / "a.zip", files(axial, sax)), bits=16)
    assert set(only_study(store).views) == {View.SAX}
    np.testing.assert_array_equal(only_study(store).views[View.SAX].pixels, as_stored(sax, base_to_apex(sax)))
