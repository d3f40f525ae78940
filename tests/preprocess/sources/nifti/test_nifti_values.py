"""Numbers of a NIfTI volume: their types, scale and window, and the times that its header states."""

from __future__ import annotations

from typing import Any

import nibabel as nib
import numpy as np
import pytest

from preprocess.sources.nifti.volume import read_stack
from preprocess.sources.nifti.window import window
from tests.support.nifti import AFFINES, VOLUME_SHAPE, coded_volume, nifti_bytes


@pytest.mark.parametrize("kind", ["u1", "i2", "u2", "i4", "u4", "i8", "f4", "f8", ">i2", ">f4"])
@pytest.mark.parametrize("bits", [8, 16])
def test_the_type_of_a_number_does_not_change_the_pixels(kind: str, bits: Any) -> None:
    values = np.random.default_rng(0).integers(0, 250, VOLUME_SHAPE)
    expected = read_stack(nifti_bytes(values.astype("i2"), AFFINES[0]), bits)
    if kind[0] == ">":
        image = nib.Nifti1Image(values.astype(kind), AFFINES[0], nib.Nifti1Header(endianness=">"))
        data = image.to_bytes()
    else:
        data = nifti_bytes(values.astype(kind), AFFINES[0])
    stack = read_stack(data, bits)
    assert (stack.pixels == expected.pixels).all()
    assert stack.intensity_window == expected.intensity_window


def test_scale_factors_reach_the_window_and_not_the_pixels() -> None:
    plain = read_stack(nifti_bytes(coded_volume(), AFFINES[0]), 8)
    scaled = read_stack(nifti_bytes(coded_volume(), AFFINES[0], scl_slope=0.5, scl_inter=-100.0), 8)
    assert (scaled.pixels == plain.pixels).all()
    np.testing.assert_allclose(scaled.intensity_window, [0.5 * end - 100.0 for end in plain.intensity_window])
    turned = read_stack(nifti_bytes(coded_volume(), AFFINES[0], scl_slope=-1.0, scl_inter=0.0), 8)
    assert np.abs(turned.pixels.astype(int) + plain.pixels - 255).max() <= 1  # halves are rounded
    unscaled = read_stack(nifti_bytes(coded_volume(), AFFINES[0], scl_slope=0.0, scl_inter=5.0), 8)
    assert unscaled.intensity_window == plain.intensity_window


def test_values_that_are_no_numbers_become_the_ends_of_the_range() -> None:
    values = np.random.default_rng(1).random(VOLUME_SHAPE).astype(np.float32)
    values[0, 0], values[1, 0], values[2, 0] = np.nan, np.inf, -np.inf
    for bits, top in ((8, 255), (16, 65_535)):
        stack = read_stack(nifti_bytes(values, np.diag([-1.0, -1.0, 1.0, 1.0])), bits)
        assert (stack.pixels[..., 0, 0] == 0).all() and (stack.pixels[..., 0, 2] == 0).all()
        assert (stack.pixels[..., 0, 1] == top).all()
        assert np.isfinite(stack.intensity_window).all()
        rest = np.moveaxis(values, (2, 3, 1, 0), (0, 1, 2, 3))[:, :, 1:]
        low, high = stack.intensity_window
        expected = np.clip((rest - low) / (high - low), 0, 1) * top
        assert np.abs(stack.pixels[:, :, 1:] - expected).max() < 0.6


def test_fractions_get_the_window_of_whole_numbers() -> None:
    whole = np.random.default_rng(2).gamma(2.0, 80.0, (3, 10, 40, 40)).astype(np.int16)
    whole[0, 0, 0, 0] = 30_000
    pixels_of_whole, limits = window(whole, 1.0, 0.0, 8)
    pixels_of_fractions, other = window(whole.astype(np.float32) / 1024, 1.0, 0.0, 8)
    assert np.abs(pixels_of_whole.astype(int) - pixels_of_fractions).max() <= 1
    np.testing.assert_allclose(np.multiply(other, 1024), limits, rtol=1e-6)
    assert limits[1] < 2_000


@pytest.mark.parametrize("values", [np.full(VOLUME_SHAPE, 7, np.int16), np.full(VOLUME_SHAPE, 0.25, np.float32)])
@pytest.mark.parametrize("bits", [8, 16])
def test_a_volume_of_one_value_is_read(values: np.ndarray, bits: Any) -> None:
    stack = read_stack(nifti_bytes(values, AFFINES[0]), bits)
    assert (stack.pixels == stack.pixels.flat[0]).all() and stack.intensity_window[0] < stack.intensity_window[1]


def test_negative_values_keep_their_distance_at_16_bits() -> None:
    values = coded_volume() - 1000
    stack = read_stack(nifti_bytes(values, AFFINES[0]), 16)
    assert stack.intensity_window[0] == -1000
    assert sorted(stack.pixels.ravel().astype(int) - 1000) == sorted(values.ravel())


@pytest.mark.parametrize(
    ("step", "time", "expected"),
    [
        (0.04, "sec", 40.0),
        (40.0, "msec", 40.0),
        (40_000.0, "usec", 40.0),
        (1.0, "sec", None),  # a place holder
        (0.0, "sec", None),
        (40.0, "unknown", None),
        (0.0001, "sec", None),
    ],
)
def test_trigger_times_are_those_the_header_states(step: float, time: str, expected: float | None) -> None:
    data = nifti_bytes(coded_volume(), AFFINES[0], time=time, pixdim=[1, 1.5, 1.25, 10.0, step, 0, 0, 0])
    times = read_stack(data, 8).trigger_time
    assert times.shape == (5, 12)
    if expected is None:
        assert np.isnan(times).all()
    else:
        np.testing.assert_allclose(times, np.tile(np.arange(12) * expected, (5, 1)), rtol=1e-6)
