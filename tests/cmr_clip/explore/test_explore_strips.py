"""Moving thumbnails: they move, keep their shape, and fit their budget."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from cmr_clip.explore.mapped import load_cohort
from cmr_clip.explore.moving_clips import by_importance, strips_of
from preprocess.pages.strips import cine_strip
from tests.support.explore_cohorts import Files, beating


def panes(jpeg: bytes, frames: int, size: int) -> np.ndarray:
    with Image.open(io.BytesIO(jpeg)) as image:
        assert image.mode == "L" and image.size == (frames * size, size)
        return np.asarray(image, np.float32).reshape(size, frames, size).swapaxes(0, 1)


@pytest.mark.parametrize(("n_frames", "expected"), [(30, 12), (12, 12), (5, 5), (1, 1)])
def test_strip_decodes_to_its_frames(n_frames: int, expected: int) -> None:
    strip = cine_strip(beating(n_frames, (96, 80), 20, 60, 0), (1.5, 1.5))
    assert strip.frames == expected
    frames = panes(strip.jpeg, strip.frames, strip.size)
    if expected > 4:
        assert np.abs(frames[0] - frames[expected // 2]).max() > 60


def test_size_on_the_page_is_size_in_the_body() -> None:
    small = panes(cine_strip(beating(12, (200, 200), 20, 0, 0), (1.5, 1.5)).jpeg, 12, 64)[0] > 150
    large = panes(cine_strip(beating(12, (200, 200), 40, 0, 0), (1.5, 1.5)).jpeg, 12, 64)[0] > 150
    assert large.sum() / small.sum() == pytest.approx(4, rel=0.2)
    rows, cols = np.flatnonzero(large.any(axis=1)), np.flatnonzero(large.any(axis=0))
    assert np.ptp(rows) == pytest.approx(np.ptp(cols), abs=2)


def test_centre_follows_the_motion_and_padding_is_dark() -> None:
    cine = np.zeros((12, 300, 300), np.uint8)
    cine[::2, 60:80, 220:240] = 255
    frame = panes(cine_strip(cine, (1.0, 1.0)).jpeg, 12, 64)[0]
    assert frame[20:30, 32:50].max() > 200
    narrow = panes(cine_strip(np.full((3, 100, 20), 200, np.uint8), (1.0, 1.0)).jpeg, 3, 64)[0]
    assert narrow[:, :20].max() < 30


def test_noise_stays_within_the_budget() -> None:
    noise = np.random.default_rng(0).integers(0, 60000, (25, 200, 200)).astype(np.uint16)
    assert len(cine_strip(noise).jpeg) < 16_000
    assert len(cine_strip(beating(25, (200, 180), 30, 60, 0)).jpeg) < 7_400


def test_middle_slices_come_first_and_the_budget_holds(files: Files) -> None:
    clips = load_cohort(files.embeddings, files.store).clips
    first = clips.iloc[by_importance(clips)[:60]]
    assert first.groupby("study").size().eq(3).all()
    assert 0 < len(list(strips_of(clips, 40_000))) < len(clips)
