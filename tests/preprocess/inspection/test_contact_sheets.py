"""Contact sheets and the frames of films: the right slice, phase, proportions and brightness in each place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from preprocess.pages.pictures import columns_of, contact_sheet, cycle_frames, fitted_size, grey
from preprocess.store.views import View
from tests.support.stacks import stack_of
from tests.support.synthetic import FRAMES, grey_level, grey_study

SIDE, GAP, LEFT, TOP = 128, 4, 112, 24  # of a contact sheet


def test_a_contact_sheet_shows_every_slice_in_its_row_and_the_phases_in_order() -> None:
    study = grey_study()
    sheet = np.asarray(contact_sheet(study, n_columns=7, side=SIDE))
    rows = [(View.CH4, 0), *((View.SAX, index) for index in range(5))]
    for row, (_, index) in enumerate(rows):
        for column in range(7):
            y, x = TOP + row * (SIDE + GAP) + SIDE // 2, LEFT + column * (SIDE + GAP) + SIDE // 2
            assert sheet[y, x] == grey_level(index, 2 * column), (row, column)
    assert sheet.shape == (TOP + 6 * (SIDE + GAP) - GAP, LEFT + 7 * (SIDE + GAP) - GAP)


@pytest.mark.parametrize("n_frames", [1, 3, 10, 11, 25, 30])
def test_columns_are_distinct_phases_from_the_first_on(n_frames: int) -> None:
    columns = columns_of(n_frames, 10)
    assert columns[0] == 0 and len(columns) == min(n_frames, 10)
    steps = np.diff(columns)
    assert (steps > 0).all() and (len(steps) == 0 or steps.max() - steps.min() <= 1)


@pytest.mark.parametrize(
    ("shape", "spacing", "size"),
    [
        ((100, 100), (1.0, 1.0), (60, 60)),
        ((100, 50), (1.0, 1.0), (30, 60)),
        ((100, 50), (1.0, 2.0), (60, 60)),
        ((50, 100), (float("nan"), 1.0), (60, 30)),
        ((10, 100000), (1.0, 1.0), (60, 15)),
    ],
)
def test_pictures_have_the_proportions_of_the_body(
    shape: tuple[int, int], spacing: tuple[float, float], size: tuple[int, int]
) -> None:
    assert fitted_size(shape, spacing, 60) == size


def test_sixteen_bits_are_shown_through_their_robust_window() -> None:
    pixels = np.linspace(200, 3000, 4 * 50 * 50).reshape(1, 4, 50, 50).astype(np.uint16)
    pixels[0, 0, 0, 0] = 65535
    shown = grey(stack_of(pixels))
    assert shown.dtype == np.uint8
    assert shown[0, 3, 48:, :].min() > 250 and shown[0, 0, 1, 0] < 5


def test_padded_frames_are_not_shown() -> None:
    study = grey_study()
    stack = study.views[View.SAX]
    counts = np.array([FRAMES, FRAMES, 7, FRAMES, FRAMES], np.int32)
    pixels = stack.pixels.copy()
    pixels[2, 7:] = 0
    frames = list(cycle_frames(replace(stack, pixels=pixels, n_frames=counts), View.SAX, side=64))
    third = [frame[32, 2 * 64 + 32] for frame in frames]
    assert third == [grey_level(2, step * 7 // FRAMES) for step in range(FRAMES)]
