"""Another spacing and a centre crop: what lies where in the patient stays the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from preprocess.cines.pixels import PixelRules, decode_slice, make_stack
from preprocess.cines.resampling import PixelGrid
from preprocess.cines.series import acquisitions, split_series
from preprocess.conversion.job import Job
from preprocess.conversion.source import process_source
from preprocess.dicom.reading import read_images
from preprocess.errors import PreprocessError
from preprocess.privacy.keys import SiteKey
from preprocess.sources.finding import Source
from preprocess.store.study import CineStack
from preprocess.store.views import View
from tests.support.factories import CH4, SAX, SeriesSpec, dataset, datasets, encode, files, write_zip
from tests.support.stores import only_study

SIZE = (60, 50)
DOT = (38.0, 17.0)  # row, column


def dot_file(folder: Path, **tags: object) -> tuple[Path, np.ndarray]:
    """A cine with a bright dot, and where the dot lies in the patient (mm)."""
    spec = SeriesSpec("4CH_FIESTA_BH", CH4, 1, size=SIZE, tags=tags)
    row, col = np.mgrid[: SIZE[0], : SIZE[1]]
    dot = 3000.0 * np.exp(-((row - DOT[0]) ** 2 + (col - DOT[1]) ** 2) / (2 * 2.0**2))
    content = {}
    for index, ds in enumerate(datasets(spec)):
        ds.PixelData = dot.astype(np.uint16).tobytes()
        content[str(index)] = encode(ds)
    orientation = np.array(spec.orientation)
    spacing = ds.PixelSpacing
    place = np.array(ds.ImagePositionPatient, dtype=float)
    place = place + DOT[1] * float(spacing[1]) * orientation[:3] + DOT[0] * float(spacing[0]) * orientation[3:]
    return write_zip(folder / "a.zip", content), place


def stored(source: Path, store: Path, view: View = View.CH4, **options: object) -> CineStack:
    record = process_source(Source((source,)), Job(store, SiteKey(bytes(16)), **options))  # type: ignore[arg-type]
    assert record.studies, record.rows
    return only_study(store).views[view]


def bright_place(stack: CineStack, index: int = 0) -> np.ndarray:
    """Centre of mass of a slice's first frame, in mm."""
    weights = stack.pixels[index, 0].astype(float) ** 2
    row, col = np.mgrid[: weights.shape[0], : weights.shape[1]]
    row, col = (row * weights).sum() / weights.sum(), (col * weights).sum() / weights.sum()
    along, down = stack.image_orientation[:3], stack.image_orientation[3:]
    return stack.image_position[index] + col * stack.pixel_spacing[1] * along + row * stack.pixel_spacing[0] * down


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"spacing_mm": 1.0},
        {"spacing_mm": 2.3},
        {"spacing_mm": 0.7},
        {"crop": 40},
        {"crop": 41},
        {"crop": 75},
        {"crop": 56},
        {"spacing_mm": 1.7, "crop": 64},
        {"spacing_mm": 1.1, "crop": 45},
        {"spacing_mm": 1.5},
    ],
)
def test_a_landmark_does_not_move(tmp_path: Path, options: dict[str, object], bits: int) -> None:
    source, place = dot_file(tmp_path)
    stack = stored(source, tmp_path / "store", bits=bits, **options)
    assert np.linalg.norm(bright_place(stack) - place) < 0.05
    crop = options.get("crop")
    if crop:
        assert stack.pixels.shape[2:] == (crop, crop)
    if "spacing_mm" in options:
        assert stack.pixel_spacing == pytest.approx((options["spacing_mm"],) * 2)
    else:
        assert stack.pixel_spacing == (1.5, 1.25)


def test_sizes_are_native_by_default(tmp_path: Path) -> None:
    source, _ = dot_file(tmp_path)
    stack = stored(source, tmp_path / "store")
    assert stack.pixels.shape[2:] == SIZE
    np.testing.assert_allclose(
        stack.image_position[0],
        [float(x) for x in dataset(SeriesSpec("4CH_FIESTA_BH", CH4, 1), 0, 0).ImagePositionPatient],
    )


def test_each_slice_of_a_stack_is_moved_by_its_own_planes(tmp_path: Path) -> None:
    spec = SeriesSpec(orientation=SAX, size=SIZE)
    source = write_zip(tmp_path / "a.zip", files(spec))
    plain = stored(source, tmp_path / "plain", View.SAX)
    moved = stored(source, tmp_path / "moved", View.SAX, spacing_mm=2.0, crop=20)
    shift = moved.image_position - plain.image_position
    np.testing.assert_allclose(shift, np.broadcast_to(shift[0], shift.shape), atol=1e-9)
    assert abs(shift[0] @ np.cross(SAX[:3], SAX[3:])) < 1e-6


def test_fine_detail_is_averaged_where_the_image_shrinks() -> None:
    stripes = np.tile(np.array([0, 1000], np.uint16), (64, 32))
    grid = PixelGrid.of((64, 64), (1.0, 1.0), 4.0, None)
    out = grid.resample(stripes)
    assert out.shape == (16, 16)
    np.testing.assert_allclose(out[2:-2, 2:-2], 500, atol=20)


def test_resampling_keeps_a_gradient_and_its_range() -> None:
    row, col = np.mgrid[:40, :30].astype(np.uint16)
    for wanted in (0.6, 1.3, 2.5):
        grid = PixelGrid.of((40, 30), (1.5, 1.25), wanted, None)
        out = grid.resample(10 * row + 5 * col)
        new_row, new_col = np.mgrid[: out.shape[0], : out.shape[1]]
        expected = 10 * (grid.rows.first + new_row * grid.rows.step) + 5 * (grid.cols.first + new_col * grid.cols.step)
        inner = (slice(3, -3), slice(3, -3))
        np.testing.assert_allclose(out[inner], expected[inner], atol=1.0)  # a tenth of a pixel
        assert out.min() >= 0
        assert out.max() <= 10 * 39 + 5 * 29
        assert out.shape[0] * wanted <= 40 * 1.5 + 1e-6


def test_the_window_is_that_of_the_scanner_and_rounding_comes_last(tmp_path: Path) -> None:
    """Resampling what is already rounded to 8 bits would differ by more than half a grey level."""
    spec = SeriesSpec(size=SIZE, n_slices=1)
    rng = np.random.default_rng(0)
    images = datasets(spec)
    for ds in images:
        ds.PixelData = rng.integers(0, 4000, SIZE).astype(np.uint16).tobytes()
    cines = acquisitions(split_series([read_images(encode(ds))[0] for ds in images])[0])
    frames = [decode_slice(one) for one in cines]
    native = make_stack(cines, frames, PixelRules(8))
    small = make_stack(cines, frames, PixelRules(8, 2.5))
    assert native.window == small.window
    low, high = native.window
    exact = small.grid.resample(frames[0][0])
    expected = np.clip((exact - low) / (high - low), 0, 1) * 255
    assert np.abs(small.pixels[0, 0] - expected).max() <= 0.5 + 1e-3


def test_padding_is_zero_after_the_crop_also_with_negative_numbers(tmp_path: Path) -> None:
    spec = SeriesSpec(size=(20, 16), n_slices=1, tags={"PixelRepresentation": 1})
    images = datasets(spec)
    for ds in images:
        ds.PixelData = (np.full((20, 16), 50, np.int16) + np.arange(16, dtype=np.int16)).tobytes()
    cines = acquisitions(split_series([read_images(encode(ds))[0] for ds in images])[0])
    stack = make_stack(cines, [decode_slice(one) for one in cines], PixelRules(8, None, 24))
    assert stack.pixels.shape == (1, 12, 24, 24)
    np.testing.assert_array_equal(stack.pixels[..., [0, 1, 22, 23], :], 0)
    np.testing.assert_array_equal(stack.pixels[..., [0, 1, 2, 3, 20, 21, 22, 23]], 0)
    assert stack.pixels[0, 0, 2:22, 5:20].all()


@pytest.mark.parametrize("rules", [{"spacing_mm": 0.0}, {"spacing_mm": -1}, {"spacing_mm": float("nan")}, {"crop": 0}])
def test_rules_out_of_range_are_refused(rules: dict[str, float]) -> None:
    with pytest.raises(PreprocessError, match="out of range"):
        PixelRules(8, **rules)  # type: ignore[arg-type]


def test_a_spacing_that_asks_for_too_many_pixels_is_refused(tmp_path: Path) -> None:
    spec = SeriesSpec("4CH_FIESTA_BH", CH4, 1, size=(500, 500), n_frames=40, tags={"PixelSpacing": [2.0, 2.0]})
    record = process_source(
        Source((write_zip(tmp_path / "a.zip", files(spec)),)),
        Job(tmp_path / "store", SiteKey(bytes(16)), spacing_mm=0.2),
    )
    assert not record.studies
    assert {row.reason for row in record.rows} == {"stack of more than 268435456 pixels (refused)"}


def test_the_percentiles_of_the_window_are_in_the_store(tmp_path: Path) -> None:
    source, _ = dot_file(tmp_path)
    assert stored(source, tmp_path / "bytes").intensity_percentiles == (0.1, 99.9)
    assert stored(source, tmp_path / "words", bits=16).intensity_percentiles is None


def test_stores_without_percentiles_are_read(tmp_path: Path) -> None:
    import h5py

    source, _ = dot_file(tmp_path)
    before = stored(source, tmp_path / "store")
    (path,) = (tmp_path / "store").glob("*/*.h5")
    with h5py.File(path, "r+") as file:
        del file["4CH"].attrs["intensity_percentiles"]
    after = only_study(tmp_path / "store").views[View.CH4]
    assert after.intensity_percentiles is None
    assert after.intensity_window == before.intensity_window
