"""`verify` finds what is wrong with a store, names nothing that a store brought along, and follows no link."""

from __future__ import annotations

import argparse
import itertools
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest

from preprocess.commands import verify
from preprocess.errors import PreprocessError
from preprocess.store.ledger import STORED, Record, Row, write_ledger
from preprocess.store.manifest import build_manifest, write_manifest
from preprocess.store.study import CineStack, Study, StudyInfo
from preprocess.store.study_file import read_study, study_path, write_study
from preprocess.store.views import View
from preprocess.system.pool import Failed
from preprocess.verification import file_check, store_check
from preprocess.verification.file_check import Task, check_file
from preprocess.verification.problem import Check, Problem
from preprocess.verification.store_check import Options, StoreCheck, check_store
from tests.support.stacks import stack_of

KEYS = [(f"{number:016x}", f"{number + 100:016x}") for number in range(1, 4)]
SECRET = "Doe_Jane_1965"


def stack(seed: int, slices: int, frames: int = 12, size: int = 32) -> CineStack:
    rng = np.random.default_rng(seed)
    axis = np.linspace(-1, 1, size)
    radius = 0.4 + 0.15 * np.sin(np.linspace(0, 2 * np.pi, frames, endpoint=False))
    middle = rng.uniform(-0.2, 0.2, (slices, 2))
    distance = np.hypot(axis[None, :, None] - middle[:, :1, None], axis[None, None, :] - middle[:, 1:, None])
    disc = 150 * (distance[:, None] < radius[None, :, None, None])
    pixels = (disc + 60 * rng.random((slices, 1, size, size)) + rng.integers(0, 20, disc.shape)).astype(np.uint8)
    n_frames = np.full(slices, frames, np.int32)
    if slices > 1:
        n_frames[0] = frames - 1
        pixels[0, -1] = 0
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    return stack_of(
        pixels,
        n_frames=n_frames,
        image_orientation=turn[:2].reshape(-1),
        image_position=rng.uniform(-50, 50, 3) + 10.0 * np.arange(slices)[:, None] * turn[2],
    )


def study(number: int) -> Study:
    views = {View.SAX: stack(10 * number, 3), View.CH4: stack(10 * number + 1, 1), View.CH2: stack(10 * number + 2, 1)}
    return Study(*KEYS[number], views, StudyInfo("GE", "Optima", 1.5, "F", 61.0))


def write_tables(store: Path) -> None:
    table = build_manifest(store)
    write_manifest(store, table)
    rows = table.drop_duplicates(["patient", "study", "view"])
    lines = [Row("00", one.patient, one.study, "11", one.view, 1.0, STORED) for one in rows.itertuples()]
    write_ledger(store, [Record("00", rows=tuple(lines))])


@pytest.fixture(scope="session")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("verify") / "store"
    for number in range(len(KEYS)):
        write_study(store, study(number))
    write_tables(store)
    return store


@pytest.fixture
def store(clean: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(clean, tmp_path / "store"))


def check(store: Path, workers: int = 0) -> StoreCheck:
    return check_store(store, Options(workers=workers, with_fingerprints=False))


def found(store: Path) -> list[tuple[Check, str]]:
    return [(one.check, one.problem) for one in check(store).problems]


def checks(store: Path) -> set[Check]:
    return {one.check for one in check(store).problems}


def run(*arguments: object) -> int:
    parser = argparse.ArgumentParser()
    verify.configure(parser)
    return verify.run(parser.parse_args([*map(str, arguments), "--workers", "0"]))


def path_of(store: Path, number: int = 0) -> Path:
    return study_path(store, *KEYS[number])


def written(store: Path) -> pd.DataFrame:
    return pd.read_csv(store / "verification.csv", dtype=str, keep_default_na=False)


def test_a_store_as_written_has_no_problem_and_every_clip_is_looked_at(store: Path) -> None:
    assert run("--store", store) == 0
    assert written(store).empty
    assert len(check(store).clips) == 15
    assert run("--store", store) == 0, "its own tables are no strangers in the store"


def test_processes_find_what_one_process_finds(store: Path) -> None:
    path_of(store, 1).write_bytes(path_of(store, 1).read_bytes()[:5000])
    one, two = check(store), check(store, workers=2)
    assert sorted(map(repr, one.problems)) == sorted(map(repr, two.problems))
    ordered = [result.clips.sort_values(["study", "view", "slice"], ignore_index=True) for result in (one, two)]
    pd.testing.assert_frame_equal(*ordered)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_found_and_the_others_go_on(store: Path, share: float) -> None:
    content = path_of(store).read_bytes()
    path_of(store).write_bytes(content[: int(len(content) * share)])
    result = check(store)
    assert {(one.patient, one.study) for one in result.problems} == {KEYS[0]}
    assert set(result.clips["study"]) >= {KEYS[1][1], KEYS[2][1]}


def coded(path: Path) -> list[tuple[str, int, int, int]]:
    """View, slice, offset and length of the coded pixels of every slice."""
    with h5py.File(path, "r") as file:
        return [
            (view, index, chunk.byte_offset, chunk.size)
            for view in file
            for index in range(file[view].shape[0])
            for chunk in [file[view].id.get_chunk_info_by_coord((index, 0, 0, 0))]
        ]


def test_every_flipped_byte_of_coded_pixels_is_found_at_its_slice(clean: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    content = path_of(clean).read_bytes()
    target = study_path(tmp_path, *KEYS[0])
    target.parent.mkdir()
    missed = []
    for view, index, offset, size in coded(path_of(clean)):
        for place in [*range(16), *rng.integers(16, size, 40).tolist()]:
            damaged = bytearray(content)
            damaged[offset + place] ^= int(rng.integers(1, 256))
            target.write_bytes(damaged)
            problems = check_file(Task(tmp_path, *KEYS[0])).problems
            if not any((one.check, one.view, one.slice) == (Check.PIXELS, view, index) for one in problems):
                missed.append((view, index, place))
    assert not missed


def test_flipped_bytes_anywhere_end_nothing_and_never_pass_with_other_pixels(clean: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    content = path_of(clean).read_bytes()
    keys = [(f"{number:016x}", "00000000000000aa") for number in range(160)]
    for keys_ in keys:
        damaged = bytearray(content)
        for place in rng.integers(0, len(content), 3).tolist():
            damaged[place] ^= 1 << int(rng.integers(0, 8))
        path = study_path(tmp_path, *keys_)
        path.parent.mkdir()
        path.write_bytes(damaged)
    result = check_store(tmp_path, Options(workers=2, with_fingerprints=False, timeout_s=30))
    assert result.n_studies == len(keys)
    of_files = {Check.READABLE, Check.SCHEMA, Check.STRUCTURE, Check.ATTRIBUTES, Check.PIXELS}
    reported = {one.patient for one in result.problems if one.check in of_files}
    passed = [keys_ for keys_ in keys if keys_[0] not in reported]
    assert len(reported) > len(keys) / 2
    truth = read_study(clean, *KEYS[0])
    for keys_ in passed:
        again = read_study(tmp_path, *keys_)
        for view, expected in truth.views.items():
            np.testing.assert_array_equal(again.views[view].pixels, expected.pixels)


def test_presence_is_checked_both_ways(store: Path) -> None:
    path_of(store).unlink()
    write_study(store, replace(study(1), patient="ab" * 8, study="cd" * 8))
    problems = {(one.check, one.patient): one.problem for one in check(store).problems}
    assert "no file" in problems[Check.PRESENCE, KEYS[0][0]]
    assert "no file" in problems[Check.LEDGER, KEYS[0][0]]
    assert "no such study" in problems[Check.PRESENCE, "ab" * 8]
    assert "no series" in problems[Check.LEDGER, "ab" * 8]


def test_strangers_in_the_folder_are_counted_and_not_named(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (store / f"{SECRET}.dcm").write_bytes(b"x")
    (store / SECRET).mkdir()
    (store / KEYS[0][0] / f"{SECRET}.h5").write_bytes(b"x")
    (store / ".clips.csv.123.tmp").write_bytes(b"x")
    (store / ("ef" * 8)).mkdir()
    (store / ".ledger").mkdir(exist_ok=True)
    (store / ".ledger" / ".00.json.77.tmp").write_bytes(b"x")
    assert run("--store", store) == 1
    table = written(store)
    assert list(table["check"]) == ["folder"] * 6
    assert table["problem"].str.contains("temporary").sum() == 2
    assert SECRET not in (store / "verification.csv").read_text() + "".join(capsys.readouterr())


def test_links_of_the_file_system_are_not_followed(store: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.h5"
    shutil.move(path_of(store), outside)
    path_of(store).symlink_to(outside)
    shutil.move(store / KEYS[1][0], tmp_path / "elsewhere")
    (store / KEYS[1][0]).symlink_to(tmp_path / "elsewhere")
    result = check(store)
    assert result.n_studies == 1
    assert sum("link" in one.problem for one in result.problems if one.check is Check.FOLDER) == 2


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
    file[SECRET] = np.zeros(3)


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
    store: Path, tmp_path: Path, spoil: Callable[[h5py.File, Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.h5"
    shutil.copy(path_of(store, 1), other)
    with h5py.File(path_of(store), "a") as file:
        spoil(file, other)
    opened: list[str] = []
    original = h5py.File.__init__
    monkeypatch.setattr(
        h5py.File, "__init__", lambda self, name, *a, **k: (opened.append(str(name)), original(self, name, *a, **k))[1]
    )
    result = check(store)
    mine = [one for one in result.problems if one.study == KEYS[0][1]]
    assert any(one.check is Check.STRUCTURE for one in mine)
    assert {"4CH", "SAX"} <= set(result.clips.loc[result.clips["study"] == KEYS[0][1], "view"])
    assert "2CH" not in set(result.clips.loc[result.clips["study"] == KEYS[0][1], "view"]) or spoil is foreign_member
    assert str(other) not in opened
    assert all(SECRET not in one.problem for one in mine)


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
    assert any(check is Check.ATTRIBUTES and name in text for check, text in found(store))


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_a_missing_attribute_is_named(store: Path, name: str) -> None:
    with h5py.File(path_of(store), "a") as file:
        del file["SAX"].attrs[name]
    assert (Check.ATTRIBUTES, f"attribute {name} is missing") in found(store)


@pytest.mark.parametrize("value", ["text", np.zeros((2, 2)), h5py.Empty("f8")])
def test_an_attribute_of_another_type_or_shape_is_not_read(store: Path, value: Any) -> None:
    with h5py.File(path_of(store), "a") as file:
        file["SAX"].attrs["slice_thickness"] = value
    assert any(check is Check.ATTRIBUTES and "slice_thickness" in text for check, text in found(store))


def test_a_reference_in_an_attribute_is_not_followed(store: Path) -> None:
    with h5py.File(path_of(store), "a") as file:
        del file["SAX"].attrs["slice_thickness"]
        file["SAX"].attrs.create("slice_thickness", file["4CH"].ref, dtype=h5py.ref_dtype)
    assert (Check.ATTRIBUTES, "attribute slice_thickness has another type") in found(store)


def test_foreign_attributes_are_counted_and_not_named(store: Path) -> None:
    with h5py.File(path_of(store), "a") as file:
        file.attrs["PatientName"] = SECRET
        file["SAX"].attrs[SECRET] = 1
    texts = [text for check, text in found(store) if check is Check.ATTRIBUTES]
    assert len(texts) == 2
    assert not any("PatientName" in text or SECRET in text for text in texts)


def test_another_schema_is_reported_and_not_guessed_at(store: Path) -> None:
    with h5py.File(path_of(store), "a") as file:
        file.attrs["schema_version"] = 2
    result = check(store)
    assert [one.check for one in result.problems if one.study == KEYS[0][1]] == [Check.SCHEMA]


def test_changed_pixels_are_found_although_the_file_is_whole(store: Path) -> None:
    with h5py.File(path_of(store), "a") as file:
        cine = file["SAX"][1]
        cine[3, 5, 7] ^= 1
        file["SAX"][1] = cine
    problems = [(one.check, one.view, one.slice) for one in check(store).problems]
    assert (Check.PIXELS, "SAX", 1) in problems
    assert (Check.PIXELS, "", None) in problems, "the hash of the file no longer fits"


def test_pixels_behind_the_last_frame_are_found(store: Path) -> None:
    with h5py.File(path_of(store), "a") as file:
        cine = file["SAX"][0]
        cine[-1, 0, 0] = 1
        file["SAX"][0] = cine
    assert found(store) == [(Check.PIXELS, "frames past n_frames are not zero")]


MANIFEST: dict[str, Any] = {
    "n_frames": 7, "rows": 1, "cols": 1, "row_spacing_mm": 2.001, "col_spacing_mm": np.nan, "slice_thickness_mm": 9.0,
    "vendor": SECRET, "model": "x", "field_strength_t": 3.0, "sex": "M", "age_years": 62.0, "pixel_sha256": "00",
}  # fmt: skip


@pytest.mark.parametrize("column", MANIFEST)
def test_a_manifest_that_says_something_else_is_found(store: Path, column: str) -> None:
    table = build_manifest(store)
    table.loc[4, column] = MANIFEST[column]
    write_manifest(store, table)
    (problem,) = check(store).problems
    assert problem.check is Check.MANIFEST
    assert column in problem.problem
    assert SECRET not in problem.problem
    assert (problem.study, problem.view, problem.slice) == tuple(table.loc[4, ["study", "view", "slice"]])


def test_rows_that_are_missing_repeated_or_foreign_are_found(store: Path) -> None:
    table = build_manifest(store)
    foreign = table.iloc[[0]].assign(patient=SECRET)
    extra = table.iloc[[5]].assign(slice=99)
    write_manifest(store, pd.concat([table.iloc[1:], table.iloc[[7]], foreign, extra]))
    texts = " ".join(text for _, text in found(store))
    for words in ("in the file, not in the manifest", "several rows", "not 16 hex", "in the manifest, not in the file"):
        assert words in texts
    assert SECRET not in texts


def test_the_two_files_of_the_manifest_must_agree(store: Path) -> None:
    table = build_manifest(store)
    table.loc[0, "age_years"] = 20.0
    table.to_csv(store / "clips.csv", index=False)
    assert found(store) == [(Check.MANIFEST, "clips.csv and clips.parquet differ")]


@pytest.mark.parametrize("name", ["clips.parquet", "clips.csv", "ledger.csv"])
@pytest.mark.parametrize("content", [None, b"", b"PAR1garbage", b"\xff\xfe\x00,\n1"])
def test_a_table_that_is_missing_or_damaged_is_reported(store: Path, name: str, content: bytes | None) -> None:
    (store / name).unlink()
    if content is not None:
        (store / name).write_bytes(content)
    assert checks(store) == {Check.LEDGER if name == "ledger.csv" else Check.MANIFEST}


def test_a_ledger_that_names_another_view_is_found(store: Path) -> None:
    rows = [Row("00", *keys, "11", view, 1.0, STORED) for keys in KEYS for view in ("SAX", "3CH")]
    write_ledger(store, [Record("00", rows=tuple(rows))])
    assert found(store) == [(Check.LEDGER, "the ledger says stored, the file has no such view")] * 3


def test_an_interrupt_keeps_the_fingerprints_and_the_next_run_uses_them(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = itertools.count()
    original = file_check.fingerprint

    def counted(*arguments: Any) -> Any:
        next(made)
        return original(*arguments)

    monkeypatch.setattr(file_check, "fingerprint", counted)

    def interrupt(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check_store(store, Options(), interrupt)
    assert next(made) == 10
    result = check_store(store, Options())
    assert next(made) == 16, "five of the third study; the counter itself was read twice"
    assert result.is_valid.all()
    again = check_store(store, Options())
    assert next(made) == 17
    np.testing.assert_array_equal(again.words, result.words)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not parquet at all"])
def test_a_damaged_cache_of_fingerprints_is_made_anew(store: Path, content: bytes) -> None:
    expected = check_store(store, Options()).words
    (store / "fingerprints.parquet").write_bytes(content)
    result = check_store(store, Options())
    np.testing.assert_array_equal(result.words, expected)
    assert not result.problems


def test_a_store_that_cannot_be_written_to_is_checked_all_the_same(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> Iterator[Path]:
        raise PermissionError

    monkeypatch.setattr("preprocess.system.parquet.replacing", refuse)
    result = check_store(store, Options())
    assert not result.problems
    assert not result.is_cached


def copy_as(store: Path, original: Study, number: int, change: Callable[[Any], Any] = lambda pixels: pixels) -> Study:
    views = {view: replace(one, pixels=change(one.pixels)) for view, one in original.views.items()}
    copied = replace(original, patient=f"{number:016x}", study=f"{number + 500:016x}", views=views)
    write_study(store, copied)
    write_tables(store)
    return copied


def pairs(store: Path) -> pd.DataFrame:
    return pd.read_csv(store / "duplicates.csv", dtype=str, keep_default_na=False)


def splits_file(path: Path, store: Path, splits: dict[str, str]) -> Path:
    table = build_manifest(store).drop_duplicates("study")[["patient", "study"]]
    table.assign(split=table["patient"].map(splits).fillna("train")).to_csv(path, index=False)
    return path


def test_exact_and_near_copies_under_other_patients_are_listed_and_leakage_fails(store: Path, tmp_path: Path) -> None:
    exact = copy_as(store, study(0), 50)
    near = copy_as(store, study(1), 60, lambda pixels: (pixels // 2 + 9) * (pixels.any(axis=(2, 3), keepdims=True)))
    assert run("--store", store) == 0, "copies are no damage"
    table = pairs(store)
    assert list(zip(table["study_a"], table["study_b"], table["kind"], strict=True)) == [
        (KEYS[0][1], exact.study, "exact"),
        (KEYS[1][1], near.study, "near"),
    ]
    assert list(table["n_clips"]) == ["5", "5"]
    together = splits_file(tmp_path / "splits.csv", store, {KEYS[2][0]: "test"})
    assert run("--store", store, "--splits", together) == 0
    apart = splits_file(tmp_path / "splits.csv", store, {near.patient: "test"})
    assert run("--store", store, "--splits", apart) == 1
    assert list(pairs(store)["leakage"]) == ["0", "1"]
    assert list(pairs(store)["split_b"]) == ["train", "test"]


def test_two_studies_of_one_patient_are_flagged_and_no_failure(store: Path) -> None:
    write_study(store, replace(study(0), study="ab" * 8))
    write_tables(store)
    assert run("--store", store) == 0
    assert list(pairs(store)["same_patient"]) == ["1"]


def test_copies_are_found_across_stores_and_both_are_checked(store: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    copied = copy_as(other, study(2), 70)
    with h5py.File(study_path(other, copied.patient, copied.study), "a") as file:
        file.attrs["sex"] = "x"
    assert run("--store", store, "--other", other, "--out", tmp_path / "out") == 1
    (row,) = pairs(tmp_path / "out").to_dict("records")
    assert (row["store_a"], row["study_a"], row["store_b"], row["study_b"]) == ("1", KEYS[2][1], "2", copied.study)
    assert set(written(tmp_path / "out")["store"]) == {"2"}
    assert not (store / "verification.csv").exists()


def test_equal_blank_clips_are_no_copies(store: Path) -> None:
    for number in (80, 81):
        copy_as(store, study(0), number, np.zeros_like)
    assert run("--store", store) == 0
    assert pairs(store).empty


def test_no_duplicates_leaves_no_table_and_no_cache(store: Path) -> None:
    assert run("--store", store, "--no-duplicates") == 0
    assert not (store / "duplicates.csv").exists()
    assert not (store / "fingerprints.parquet").exists()


def test_arguments_that_cannot_work_are_refused_before_anything_is_read(store: Path, tmp_path: Path) -> None:
    splits = splits_file(tmp_path / "splits.csv", store, {})
    for arguments in (
        ["--store", tmp_path / "none"],
        ["--store", store, "--other", tmp_path / "none"],
        ["--store", store, "--other", store / ".." / "store"],
        ["--store", store, "--splits", tmp_path / "none.csv"],
        ["--store", store, "--splits", splits, "--no-duplicates"],
    ):
        with pytest.raises(PreprocessError):
            run(*arguments)
    assert not (store / "verification.csv").exists()


def test_geometry_that_is_unknown_as_a_whole_is_allowed(store: Path) -> None:
    views = {
        view: replace(
            one,
            pixel_spacing=(np.nan, np.nan),
            slice_thickness=np.nan,
            image_orientation=np.full(6, np.nan),
            image_position=np.full((len(one.pixels), 3), np.nan),
            trigger_time=np.full(one.pixels.shape[:2], np.nan),
            intensity_window=(np.nan, np.nan),
        )
        for view, one in study(0).views.items()
    }
    write_study(store, replace(study(0), views=views))
    write_tables(store)
    assert found(store) == []


def test_a_file_that_kills_its_reader_is_a_problem(store: Path) -> None:
    (problem,) = store_check._lost(Failed(Task(store, *KEYS[0]), None)).problems
    assert (problem.check, problem.patient) == (Check.READABLE, KEYS[0][0])
    assert isinstance(problem, Problem)
