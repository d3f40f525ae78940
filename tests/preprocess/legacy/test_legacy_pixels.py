"""`import-legacy` stores the legacy pixels slice by slice, and guesses nothing that the files do not hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from preprocess.cines.pixels import PERCENTILES
from preprocess.errors import PreprocessError
from preprocess.store.manifest import read_manifest
from preprocess.store.views import View
from tests.support.legacy_files import LAYOUTS, add, grey8, run_import, stack, study_file
from tests.support.stores import ledger, only_study


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_comes_out_slice_by_slice(tmp_path: Path, layout: str) -> None:
    study_file(tmp_path / "in", layout)
    bits = 8 if layout == "A grey" else 16
    study = only_study(run_import(tmp_path / "store", tmp_path / "in", bits=bits))
    assert set(study.views) == {View.SAX, View.CH4}
    for view, slices in ((View.SAX, stack((12, 13, 12))), (View.CH4, stack((14,), level=3))):
        counts = [len(frames) for frames in slices]
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
    slices = [frames + 5000 for frames in stack((30, 30, 27))]
    add(tmp_path / "in" / "penn_m1" / "acc1.h5", "SAX", slices, "B")
    sax = only_study(run_import(tmp_path / "store", tmp_path / "in")).views[View.SAX]
    assert sax.intensity_window[0] >= 5000


def test_what_the_files_do_not_hold_is_unknown_and_not_guessed(tmp_path: Path) -> None:
    study_file(tmp_path / "in", "A grey")
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
    study_file(tmp_path / "in")
    store = run_import(tmp_path / "store", tmp_path / "in", pixel_spacing=1.4)
    assert only_study(store).views[View.SAX].pixel_spacing == (1.4, 1.4)
    with pytest.raises(PreprocessError, match="pixel size"):
        run_import(tmp_path / "other", tmp_path / "in", pixel_spacing=0)


def test_a_slice_with_two_acquisitions_in_one_is_left_out(tmp_path: Path) -> None:
    add(tmp_path / "in" / "penn_m1" / "acc1.h5", "SAX", stack((20, 20, 40, 20)), "B")
    store = run_import(tmp_path / "store", tmp_path / "in", bits=16)
    sax = only_study(store).views[View.SAX]
    assert sax.pixels[:, 0, 0, 0].tolist() == [0, 100, 300]
    assert "acquisitions mixed" in "\n".join(ledger(store)["reason"])


def test_eight_bit_files_are_not_passed_off_as_scanner_values(tmp_path: Path) -> None:
    study_file(tmp_path / "in", "A grey")
    with pytest.raises(PreprocessError, match="nothing could be stored"):
        run_import(tmp_path / "store", tmp_path / "in", bits=16)
    assert "scanner's values are lost" in "\n".join(ledger(tmp_path / "store")["reason"])
