"""Measures of a cine whose noise, motion and times are known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from preprocess.qc.collect import collect
from preprocess.qc.measures import pixel_measures, time_measures
from preprocess.store.intensity import stack_window
from preprocess.store.study_file import studies_in, write_study
from preprocess.store.views import View
from tests.support.synthetic import a_study, changed


def test_measured_noise_is_the_noise() -> None:
    for sigma in (2.0, 5.0, 12.0):
        cine = 120 + np.random.default_rng(0).normal(0, sigma, (20, 64, 64))
        measured = pixel_measures(np.clip(cine, 0, 255).astype(np.uint8), (0, 255))
        assert measured.noise * 255 == pytest.approx(np.hypot(sigma, np.sqrt(1 / 12)), rel=0.05)
        assert measured.jumpiness == pytest.approx(1.0, abs=0.15)


def test_jumpiness_of_one_slow_wave_is_known() -> None:
    n_frames = 30
    phase = 2 * np.pi * np.arange(n_frames) / n_frames
    cine = np.broadcast_to(128 + 80 * np.sin(phase)[:, None, None], (n_frames, 16, 16)).round().astype(np.uint8)
    steps, variance = np.diff(np.sin(phase)), np.var(np.sin(phase))
    assert pixel_measures(cine, (0, 255)).jumpiness == pytest.approx(np.mean(steps**2) / (2 * variance), rel=0.02)


def test_sixteen_bits_measure_like_eight(tmp_path: Path) -> None:
    study = a_study(0)
    eight = study.views[View.CH4].pixels
    wide = (eight.astype(np.uint16) * 9 + 100).astype(np.uint16)
    measured = pixel_measures(wide[0], stack_window(replace(study.views[View.CH4], pixels=wide)))
    expected = pixel_measures(eight[0], (0.0, float(np.percentile(eight, 99.9))))
    assert measured.brightness == pytest.approx(expected.brightness, abs=0.01)
    write_study(tmp_path / "store", changed(study, View.CH4, pixels=wide))
    table = collect(tmp_path / "store", list(studies_in(tmp_path / "store")), tmp_path / "qc.csv")
    assert table.set_index("view").loc["4CH", "brightness"] == pytest.approx(measured.brightness, abs=0.01)


@pytest.mark.parametrize("times", [[0.0], [0.0, np.nan, 40.0], [0.0, 40.0, 30.0], []])
def test_times_that_do_not_rise_say_nothing(times: list[float]) -> None:
    assert np.isnan(time_measures(np.array(times)).heart_rate_bpm)


def test_heart_rate_counts_the_interval_after_the_last_frame() -> None:
    measured = time_measures(40.0 * np.arange(25) + 12)
    assert measured.heart_rate_bpm == pytest.approx(60.0)
    assert measured.uneven_times == pytest.approx(0.0)
