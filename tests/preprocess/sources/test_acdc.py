"""ACDC volumes: every voxel must keep its place in the patient, its phase and its brightness, or be refused."""

from __future__ import annotations

import gzip
import itertools
import struct
import tracemalloc
import zlib
from pathlib import PurePath
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from preprocess.cines.pixels import stack_pixels
from preprocess.cines.series import acquisitions, split_series
from preprocess.dicom.reading import read_images
from preprocess.errors import PreprocessError
from preprocess.sources.nifti.volume import read_stack
from preprocess.sources.nifti.window import window
from preprocess.sources.sites.acdc import Acdc
from preprocess.store.study import CineStack
from preprocess.store.views import View
from tests.support.factories import AXIAL, SAX, SeriesSpec, dataset, encode, pixels
from tests.support.reference import shared

SHAPE = (7, 6, 5, 12)  # x, y, z, t
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
IN_ORDER = "file name: ACDC short axis; slices from base to apex"
UNORDERED = "file name: ACDC short axis; slices as in the file, its affine does not tell base from apex"


def reason(data: bytes) -> str:
    """What the ledger says of a volume."""
    return Acdc().read_volume(data, View.SAX, 16).reason


def volume(kind: Any = np.int16) -> np.ndarray:
    """Every value tells its voxel and phase."""
    x, y, z, t = np.indices(SHAPE)
    return (x + 8 * y + 64 * z + 512 * t).astype(kind)


def affine_of(columns: np.ndarray, zooms: tuple[float, float, float], origin: tuple[float, float, float]) -> np.ndarray:
    """RAS affine with the given directions of x, y and z."""
    affine = np.eye(4)
    affine[:3, :3] = np.asarray(columns) * zooms
    affine[:3, 3] = origin
    return affine


def nifti(values: np.ndarray, affine: np.ndarray, zip_it: bool = True, **fields: Any) -> bytes:
    """A file whose header says what `fields` say, also where that is wrong."""
    header = nib.Nifti1Header(endianness="<")
    header.set_data_dtype(values.dtype)
    header.set_data_shape(values.shape)
    header.set_zooms([*np.linalg.norm(affine[:3, :3], axis=0), *[1.0] * 5][: values.ndim])
    header.set_sform(affine, code=1)
    header.set_xyzt_units(fields.pop("space", "mm"), fields.pop("time", "sec"))
    header["vox_offset"] = 352
    for name, value in fields.items():
        header[name] = value
    data = header.binaryblock + b"\0" * 4 + values.tobytes("F")
    return gzip.compress(data, 1) if zip_it else data


OBLIQUE = np.array([[-0.4798, 0.4645, -0.7443], [-0.8620, -0.0913, 0.4987], [-0.1637, -0.8808, -0.4442]])
OBLIQUE = np.linalg.svd(OBLIQUE)[0] @ np.linalg.svd(OBLIQUE)[2]  # exactly at right angles
FLIPS = [np.diag(signs) for signs in itertools.product((1.0, -1.0), repeat=3)]
TURNS = [np.eye(3)[:, list(order)] for order in itertools.permutations(range(3))]
AFFINES = [affine_of(one, (1.5, 1.25, 10.0), (-30.0, 20.5, 7.0)) for one in [*FLIPS, *TURNS]]
AFFINES += [affine_of(OBLIQUE @ flip, (1.5, 1.25, 10.0), (44.0, 68.0, 140.0)) for flip in FLIPS]


def in_patient(stack: CineStack) -> np.ndarray:
    """Centre of every pixel in mm, LPS, by the rule of DICOM (PS3.3 C.7.6.2.1.1): `[slice, row, col, 3]`."""
    n_rows, n_cols = stack.pixels.shape[2:]
    along_row, along_col = stack.image_orientation[:3], stack.image_orientation[3:]
    row_spacing, col_spacing = stack.pixel_spacing
    rows = np.arange(n_rows)[None, :, None, None] * row_spacing * along_col
    cols = np.arange(n_cols)[None, None, :, None] * col_spacing * along_row
    return stack.image_position[:, None, None, :] + rows + cols


@pytest.mark.parametrize("number", range(len(AFFINES)))
@pytest.mark.parametrize("zip_it", [True, False])
def test_every_voxel_keeps_its_place_and_its_phase(number: int, zip_it: bool) -> None:
    affine = AFFINES[number]
    stack = read_stack(nifti(volume(), affine, zip_it), 16)
    assert stack.pixels.shape == (5, 12, 6, 7) and stack.pixels.dtype == np.uint16
    code = stack.pixels.astype(int)
    x, y, z, t = code % 8, code // 8 % 8, code // 64 % 8, code // 512
    assert (t == np.arange(12)[None, :, None, None]).all()
    assert (x == x[:, :1]).all() and (y == y[:, :1]).all() and (z == z[:, :1]).all()
    voxels = np.stack([x[:, 0], y[:, 0], z[:, 0], np.ones_like(x[:, 0])], axis=-1)
    expected = voxels @ (LPS @ affine).T
    np.testing.assert_allclose(in_patient(stack), expected[..., :3], atol=1e-3)
    assert stack.slice_thickness == pytest.approx(10.0, abs=1e-4)
    assert stack.n_frames.tolist() == [12] * 5


@pytest.mark.parametrize("flip", FLIPS)
def test_quaternions_say_the_same_as_a_matrix(flip: np.ndarray) -> None:
    affine = affine_of(OBLIQUE @ flip, (1.5, 1.25, 10.0), (44.0, 68.0, 140.0))
    header = nib.Nifti1Header()
    header.set_qform(affine, code=1)
    names = ("quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z", "qform_code", "pixdim")
    data = nifti(volume(), affine, sform_code=0, srow_x=0.0, **{name: header[name] for name in names})
    expected, stack = read_stack(nifti(volume(), affine), 16), read_stack(data, 16)
    assert (stack.pixels == expected.pixels).all()
    np.testing.assert_allclose(stack.image_orientation, expected.image_orientation, atol=1e-5)
    np.testing.assert_allclose(stack.image_position, expected.image_position, atol=1e-3)


@pytest.mark.parametrize("number", range(len(AFFINES)))
def test_rows_and_columns_run_as_a_scanner_shows_them(number: int) -> None:
    stack = read_stack(nifti(volume(), AFFINES[number]), 8)
    for direction in (stack.image_orientation[:3], stack.image_orientation[3:]):
        largest = int(np.argmax(np.abs(direction)))
        assert np.sign(direction[largest]) == (1.0, 1.0, -1.0)[largest]


@pytest.mark.parametrize("flip", FLIPS)
def test_slices_run_from_base_to_apex_where_the_plane_is_short_axis(flip: np.ndarray) -> None:
    affine = affine_of(OBLIQUE @ flip, (1.5, 1.25, 10.0), (0.0, 0.0, 0.0))
    data = nifti(volume(), affine)
    stack = read_stack(data, 16)
    assert (stack.image_position[-1] - stack.image_position[0]) @ [0.7, -0.5, -0.5] > 30
    assert reason(data) == IN_ORDER


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_slices_of_an_axial_affine_stay_as_stored(sign: float) -> None:
    """ACDC's own files state the identity: nothing is known, and the ledger says so."""
    affine = affine_of(np.diag([-1.0, -1.0, sign]), (1.5, 1.5, 10.0), (0.0, 0.0, 0.0))
    data = nifti(volume(), affine)
    stack = read_stack(data, 16)
    assert (stack.pixels[:, 0, 0, 0] // 64).tolist() == [0, 1, 2, 3, 4]
    assert stack.pixels[2, 3].tolist() == volume()[:, :, 2, 3].T.tolist()
    assert stack.image_orientation.tolist() == list(AXIAL)
    assert reason(data) == UNORDERED


def test_a_file_without_an_orientation_is_left_as_it_is() -> None:
    data = nifti(volume(), np.diag([2.0, 1.5, 9.0, 1.0]), sform_code=0, qform_code=0, qoffset_x=3.0)
    stack = read_stack(data, 16)
    assert stack.pixels[2, 3].tolist() == volume()[:, :, 2, 3].T.tolist()
    assert stack.image_orientation.tolist() == list(AXIAL)
    assert stack.pixel_spacing == (1.5, 2.0)
    assert stack.image_position.tolist() == [[0.0, 0.0, 9.0 * index] for index in range(5)]
    assert reason(data) == UNORDERED


def test_a_volume_equals_the_same_cine_as_dicom() -> None:
    """The same frames as DICOM files and as NIfTI: equal pixels, window and geometry."""
    spec = SeriesSpec(n_slices=4, n_frames=12, size=(24, 20))
    images = [
        image for one in range(4) for frame in range(12) for image in read_images(encode(dataset(spec, one, frame)))
    ]
    (series,) = split_series(images)
    slices = sorted(acquisitions(series), key=lambda one: one.images[0].instance_number)
    values = np.stack([[pixels(0, one, frame, spec.size) for frame in range(12)] for one in range(4)])
    step = np.subtract(slices[1].images[0].position, slices[0].images[0].position)
    columns = [np.multiply(SAX[:3], 1.25), np.multiply(SAX[3:], 1.5), step, slices[0].images[0].position]
    affine = LPS @ np.vstack([np.array(columns).T, [0, 0, 0, 1]])
    for bits in (8, 16):
        stack = read_stack(nifti(values.transpose(3, 2, 0, 1), affine), bits)
        expected, limits = stack_pixels(slices, bits)
        is_turned = bool(step @ [0.7, -0.5, -0.5] < 0)
        order = slice(None, None, -1) if is_turned else slice(None)
        assert (stack.pixels[order] == expected).all() and stack.pixels.dtype == expected.dtype
        assert stack.intensity_window == limits
        np.testing.assert_allclose(stack.image_orientation, SAX, atol=1e-6)
        positions = [one.images[0].position for one in slices]
        np.testing.assert_allclose(stack.image_position[order], positions, atol=1e-4)
        np.testing.assert_allclose(stack.pixel_spacing, slices[0].images[0].spacing, atol=1e-6)


@pytest.mark.parametrize("kind", ["u1", "i2", "u2", "i4", "u4", "i8", "f4", "f8", ">i2", ">f4"])
@pytest.mark.parametrize("bits", [8, 16])
def test_the_type_of_a_number_does_not_change_the_pixels(kind: str, bits: Any) -> None:
    values = np.random.default_rng(0).integers(0, 250, SHAPE)
    expected = read_stack(nifti(values.astype("i2"), AFFINES[0]), bits)
    if kind[0] == ">":
        image = nib.Nifti1Image(values.astype(kind), AFFINES[0], nib.Nifti1Header(endianness=">"))
        data = image.to_bytes()
    else:
        data = nifti(values.astype(kind), AFFINES[0])
    stack = read_stack(data, bits)
    assert (stack.pixels == expected.pixels).all()
    assert stack.intensity_window == expected.intensity_window


def test_scale_factors_reach_the_window_and_not_the_pixels() -> None:
    plain = read_stack(nifti(volume(), AFFINES[0]), 8)
    scaled = read_stack(nifti(volume(), AFFINES[0], scl_slope=0.5, scl_inter=-100.0), 8)
    assert (scaled.pixels == plain.pixels).all()
    np.testing.assert_allclose(scaled.intensity_window, [0.5 * end - 100.0 for end in plain.intensity_window])
    turned = read_stack(nifti(volume(), AFFINES[0], scl_slope=-1.0, scl_inter=0.0), 8)
    assert np.abs(turned.pixels.astype(int) + plain.pixels - 255).max() <= 1  # halves are rounded
    unscaled = read_stack(nifti(volume(), AFFINES[0], scl_slope=0.0, scl_inter=5.0), 8)
    assert unscaled.intensity_window == plain.intensity_window


def test_values_that_are_no_numbers_become_the_ends_of_the_range() -> None:
    values = np.random.default_rng(1).random(SHAPE).astype(np.float32)
    values[0, 0], values[1, 0], values[2, 0] = np.nan, np.inf, -np.inf
    for bits, top in ((8, 255), (16, 65_535)):
        stack = read_stack(nifti(values, np.diag([-1.0, -1.0, 1.0, 1.0])), bits)
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


@pytest.mark.parametrize("values", [np.full(SHAPE, 7, np.int16), np.full(SHAPE, 0.25, np.float32)])
@pytest.mark.parametrize("bits", [8, 16])
def test_a_volume_of_one_value_is_read(values: np.ndarray, bits: Any) -> None:
    stack = read_stack(nifti(values, AFFINES[0]), bits)
    assert (stack.pixels == stack.pixels.flat[0]).all() and stack.intensity_window[0] < stack.intensity_window[1]


def test_negative_values_keep_their_distance_at_16_bits() -> None:
    values = volume() - 1000
    stack = read_stack(nifti(values, AFFINES[0]), 16)
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
    data = nifti(volume(), AFFINES[0], time=time, pixdim=[1, 1.5, 1.25, 10.0, step, 0, 0, 0])
    times = read_stack(data, 8).trigger_time
    assert times.shape == (5, 12)
    if expected is None:
        assert np.isnan(times).all()
    else:
        np.testing.assert_allclose(times, np.tile(np.arange(12) * expected, (5, 1)), rtol=1e-6)


@pytest.mark.parametrize(("unit", "factor"), [("meter", 1000.0), ("micron", 0.001)])
def test_units_of_length_are_respected(unit: str, factor: float) -> None:
    affine = affine_of(np.diag([-1.0, -1.0, 1.0]), (1.5 / factor, 1.25 / factor, 10.0 / factor), (0.0, 0.0, 0.0))
    stack = read_stack(nifti(volume(), affine, space=unit), 8)
    np.testing.assert_allclose((*stack.pixel_spacing, stack.slice_thickness), (1.25, 1.5, 10.0), rtol=1e-5)


def raw_header(**fields: Any) -> bytes:
    return nifti(volume(), AFFINES[0], zip_it=False, **fields)


RGB = np.zeros(SHAPE, dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
SHEARED = AFFINES[0] @ np.array([[1, 0.5, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not a NIfTI-1 file"),
        (b"\x1f\x8b", "damaged NIfTI"),
        (b"\x1f\x8b" + b"x" * 400, "damaged NIfTI"),
        (b"x" * 1000, "not a NIfTI-1 file"),
        (nib.Nifti2Image(volume(), AFFINES[0]).to_bytes(), "not a NIfTI-1 file"),
        (raw_header()[:-1], "truncated"),
        (raw_header()[:352], "truncated"),
        (gzip.compress(raw_header())[:-20], "damaged NIfTI"),
        (gzip.compress(raw_header()[:-1]), "truncated"),
        (gzip.compress(raw_header())[:-8] + b"\0" * 8, "damaged NIfTI"),  # wrong checksum
        (nifti(volume()[..., 0], AFFINES[0]), "no cine: 1 frames"),
        (nifti(volume()[..., :9], AFFINES[0]), "no cine: 9 frames"),
        (nifti(np.zeros((7, 6, 5, 12, 3), np.int16), AFFINES[0]), "no series of volumes"),
        (nifti(volume()[..., 0, 0], AFFINES[0]), "no series of volumes"),
        (nifti(RGB, AFFINES[0]), "colours"),
        (nifti(volume(np.complex64), AFFINES[0]), "complex"),
        (raw_header(srow_x=np.nan), "without geometry"),
        (raw_header(srow_x=0.0), "without geometry"),
        (nifti(volume(), SHEARED), "without geometry"),
        (raw_header(dim=[4, 7, 6, -5, 12, 1, 1, 1]), "NIfTI"),
        (raw_header(dim=[9, 7, 6, 5, 12, 1, 1, 1]), "NIfTI"),
        (raw_header(datatype=3), "makes no sense"),
        (nifti(np.full(SHAPE, np.nan, np.float32), AFFINES[0]), "without a finite value"),
    ],
)
def test_what_is_no_cine_is_refused_with_its_reason(data: bytes, words: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(PreprocessError, match=words):
        read_stack(data, 8)
    assert capfd.readouterr() == ("", "")


def test_a_trailing_axis_of_one_does_not_matter() -> None:
    stack = read_stack(nifti(volume()[..., None], AFFINES[0]), 16)
    assert (stack.pixels == read_stack(nifti(volume(), AFFINES[0]), 16).pixels).all()


def with_shape(*shape: int) -> bytes:
    block = bytearray(raw_header()[:352])
    struct.pack_into("<8h", block, 40, 4, *shape, 1, 1, 1)
    return bytes(block)


def peak_of(data: bytes, words: str) -> int:
    tracemalloc.start()
    try:
        with pytest.raises(PreprocessError, match=words):
            read_stack(data, 8)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((32767, 32767, 32767, 32767), "absurd size"),
        ((2000, 2000, 40, 30), "absurd size"),
        ((512, 512, 20, 20), "truncated"),
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_absurd_sizes_are_refused_before_memory_is_taken(shape: tuple[int, ...], words: str, pack: Any) -> None:
    assert peak_of(pack(with_shape(*shape) + b"\0" * 1000), words) < 1 << 20


def test_a_bomb_behind_the_header_is_not_unpacked() -> None:
    packer = zlib.compressobj(9, wbits=31)
    bomb = (
        packer.compress(raw_header())
        + b"".join(packer.compress(b"\0" * (1 << 20)) for _ in range(300))
        + packer.flush()
    )
    tracemalloc.start()
    stack = read_stack(bomb, 16)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert stack.pixels.shape == (5, 12, 6, 7) and peak < 4 << 20


def test_mutated_files_are_read_or_refused() -> None:
    rng = np.random.default_rng(7)
    plain, packed = raw_header(), nifti(volume(), AFFINES[0])
    refused = 0
    for number in range(600):
        data = bytearray(packed if number % 3 == 0 else plain)
        span = len(data) if number % 3 == 0 else 352
        for at in rng.integers(span, size=rng.integers(1, 6)):
            data[at] = rng.integers(256)
        data = data[: rng.integers(len(data))] if number % 10 == 0 else data
        try:
            stack = read_stack(bytes(data), 8)
        except PreprocessError:
            refused += 1
        else:
            assert stack.pixels.ndim == 4 and stack.pixels.nbytes < 1 << 20
            assert np.isfinite(stack.image_position).all() and np.isfinite(stack.image_orientation).all()
    assert 50 < refused < 550


@pytest.mark.parametrize(("name", "expected"), [("acdc", UNORDERED), ("mnms", IN_ORDER)])
def test_geometry_of_real_volumes(name: str, expected: str) -> None:
    """Real volumes are single phases; repeated in time they have the form of a cine."""
    path = shared(f"real/cinema_examples/{name}/sax_ed.nii.gz")
    with pytest.raises(PreprocessError, match="no cine: 1 frames"):
        read_stack(path.read_bytes(), 8)
    image = nib.load(path)
    values = np.asarray(image.dataobj)
    data = nifti(np.repeat(values[..., None], 12, axis=3), image.affine)
    stack = read_stack(data, 16)
    assert stack.pixels.shape == (values.shape[2], 12, 192, 192)
    x, y, z = np.array(np.nonzero(values == values.max()))[:, 0]
    at = (LPS @ image.affine @ [x, y, z, 1.0])[:3]
    distance = np.linalg.norm(in_patient(stack) - at, axis=-1)
    found = np.unravel_index(int(np.argmin(distance)), distance.shape)
    assert distance[found] < 1e-3
    assert stack.pixels[found[0], 5, found[1], found[2]] == values[x, y, z]
    assert reason(data) == expected
    np.testing.assert_allclose((*stack.pixel_spacing, stack.slice_thickness), (1.0, 1.0, 10.0), atol=1e-3)


@pytest.mark.parametrize(
    ("name", "volume_", "side_file"),
    [
        ("patient001_4d.nii.gz", True, False),
        ("training/patient001/patient001_4d.nii", True, False),
        ("patient001_frame01.nii.gz", False, True),
        ("patient001/patient001_frame12_gt.nii.gz", False, True),
        ("Info.cfg", False, True),
        ("database/testing/patient101/Info.cfg", False, True),
        ("hospital/Info.cfg", False, False),
        ("database/MANDATORY_CITATION.md", False, True),
        ("README.md", False, False),
        ("patient001_frame01.dcm", False, False),
        ("IM0001", False, False),
        ("", False, False),
    ],
)
def test_names_of_volumes_and_of_what_lies_beside_them(name: str, volume_: bool, side_file: bool) -> None:
    path, site = PurePath(name), Acdc()
    assert (site.identify(path) is not None, site.aside(path) is not None) == (volume_, side_file)
