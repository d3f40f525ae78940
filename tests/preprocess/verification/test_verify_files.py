"""Study files that are cut off, flipped, changed or of another schema."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from preprocess.store.study_file import read_study, study_path, write_study
from preprocess.system.pool import Failed
from preprocess.verification import store_check
from preprocess.verification.file_check import Task, check_file
from preprocess.verification.problem import Check
from preprocess.verification.store_check import Options, check_store
from tests.support.verified_stores import (
    KEYS,
    checked,
    keyed_study,
    path_of,
    problems_in,
    problems_table,
    run_verify,
    write_tables,
)


def test_a_store_as_written_has_no_problem_and_every_clip_is_looked_at(store: Path) -> None:
    assert run_verify("--store", store) == 0
    assert problems_table(store).empty
    assert len(checked(store).clips) == 15
    assert run_verify("--store", store) == 0, "its own tables are no strangers in the store"


@pytest.mark.parametrize("share", [0.0, 0.01, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_found_and_the_others_go_on(store: Path, share: float) -> None:
    content = path_of(store).read_bytes()
    path_of(store).write_bytes(content[: int(len(content) * share)])
    result = checked(store)
    assert {(problem.patient, problem.study) for problem in result.problems} == {KEYS[0]}
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
            if not any(
                (problem.check, problem.view, problem.slice) == (Check.PIXELS, view, index) for problem in problems
            ):
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
    reported = {problem.patient for problem in result.problems if problem.check in of_files}
    passed = [keys_ for keys_ in keys if keys_[0] not in reported]
    assert len(reported) > len(keys) / 2
    truth = read_study(clean, *KEYS[0])
    for keys_ in passed:
        again = read_study(tmp_path, *keys_)
        for view, expected in truth.views.items():
            np.testing.assert_array_equal(again.views[view].pixels, expected.pixels)


def test_another_schema_is_reported_and_not_guessed_at(store: Path) -> None:
    with h5py.File(path_of(store), "a") as file:
        file.attrs["schema_version"] = 2
    result = checked(store)
    assert [problem.check for problem in result.problems if problem.study == KEYS[0][1]] == [Check.SCHEMA]


def test_changed_pixels_are_found_although_the_file_is_whole(store: Path) -> None:
    with h5py.File(path_of(store), "a") as file:
        cine = file["SAX"][1]
        cine[3, 5, 7] ^= 1
        file["SAX"][1] = cine
    problems = [(problem.check, problem.view, problem.slice) for problem in checked(store).problems]
    assert (Check.PIXELS, "SAX", 1) in problems
    assert (Check.PIXELS, "", None) in problems, "the hash of the file no longer fits"


def test_pixels_behind_the_last_frame_are_found(store: Path) -> None:
    with h5py.File(path_of(store), "a") as file:
        cine = file["SAX"][0]
        cine[-1, 0, 0] = 1
        file["SAX"][0] = cine
    assert problems_in(store) == [(Check.PIXELS, "frames past n_frames are not zero")]


def test_geometry_that_is_unknown_as_a_whole_is_allowed(store: Path) -> None:
    views = {
        view: replace(
            stack,
            pixel_spacing=(np.nan, np.nan),
            slice_thickness=np.nan,
            image_orientation=np.full(6, np.nan),
            image_position=np.full((len(stack.pixels), 3), np.nan),
            trigger_time=np.full(stack.pixels.shape[:2], np.nan),
            intensity_window=(np.nan, np.nan),
        )
        for view, stack in keyed_study(0).views.items()
    }
    write_study(store, replace(keyed_study(0), views=views))
    write_tables(store)
    assert problems_in(store) == []


def test_a_file_that_kills_its_reader_is_a_problem(store: Path) -> None:
    (problem,) = store_check._lost(Failed(Task(store, *KEYS[0]), None)).problems
    assert (problem.check, problem.patient) == (Check.READABLE, KEYS[0][0])
