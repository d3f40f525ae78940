"""Every voxel of a NIfTI volume keeps its place in the patient and its phase, as in the same cine as DICOM."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from preprocess.cines.pixels import stack_pixels
from preprocess.cines.series import acquisitions, split_series
from preprocess.dicom.reading import read_images
from preprocess.errors import PreprocessError
from preprocess.sources.nifti.volume import read_stack
from preprocess.sources.sites.acdc import Acdc
from preprocess.store.views import View
from tests.support.factories import AXIAL, SAX, SeriesSpec, dataset, encode, pixels
from tests.support.nifti import (
    AFFINES,
    FLIPS,
    IN_ORDER,
    LPS,
    OBLIQUE,
    UNORDERED,
    affine_of,
    coded_volume,
    nifti_bytes,
    pixel_places,
)
from tests.support.reference import shared


def reason(data: bytes) -> str:
    """What the ledger says of a volume."""
    return Acdc().read_volume(data, View.SAX, 16).reason


@pytest.mark.parametrize("number", range(len(AFFINES)))
@pytest.mark.parametrize("zip_it", [True, False])
def test_every_voxel_keeps_its_place_and_its_phase(number: int, zip_it: bool) -> None:
    affine = AFFINES[number]
    stack = read_stack(nifti_bytes(coded_volume(), affine, zip_it), 16)
    assert stack.pixels.shape == (5, 12, 6, 7) and stack.pixels.dtype == np.uint16
    code = stack.pixels.astype(int)
    x, y, z, t = code % 8, code // 8 % 8, code // 64 % 8, code // 512
    assert (t == np.arange(12)[None, :, None, None]).all()
    assert (x == x[:, :1]).all() and (y == y[:, :1]).all() and (z == z[:, :1]).all()
    voxels = np.stack([x[:, 0], y[:, 0], z[:, 0], np.ones_like(x[:, 0])], axis=-1)
    expected = voxels @ (LPS @ affine).T
    np.testing.assert_allclose(pixel_places(stack), expected[..., :3], atol=1e-3)
    assert stack.slice_thickness == pytest.approx(10.0, abs=1e-4)
    assert stack.n_frames.tolist() == [12] * 5


@pytest.mark.parametrize("flip", FLIPS)
def test_quaternions_say_the_same_as_a_matrix(flip: np.ndarray) -> None:
    affine = affine_of(OBLIQUE @ flip, (1.5, 1.25, 10.0), (44.0, 68.0, 140.0))
    header = nib.Nifti1Header()
    header.set_qform(affine, code=1)
    names = ("quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z", "qform_code", "pixdim")
    data = nifti_bytes(coded_volume(), affine, sform_code=0, srow_x=0.0, **{name: header[name] for name in names})
    expected, stack = read_stack(nifti_bytes(coded_volume(), affine), 16), read_stack(data, 16)
    assert (stack.pixels == expected.pixels).all()
    np.testing.assert_allclose(stack.image_orientation, expected.image_orientation, atol=1e-5)
    np.testing.assert_allclose(stack.image_position, expected.image_position, atol=1e-3)


@pytest.mark.parametrize("number", range(len(AFFINES)))
def test_rows_and_columns_run_as_a_scanner_shows_them(number: int) -> None:
    stack = read_stack(nifti_bytes(coded_volume(), AFFINES[number]), 8)
    for direction in (stack.image_orientation[:3], stack.image_orientation[3:]):
        largest = int(np.argmax(np.abs(direction)))
        assert np.sign(direction[largest]) == (1.0, 1.0, -1.0)[largest]


@pytest.mark.parametrize("flip", FLIPS)
def test_slices_run_from_base_to_apex_where_the_plane_is_short_axis(flip: np.ndarray) -> None:
    affine = affine_of(OBLIQUE @ flip, (1.5, 1.25, 10.0), (0.0, 0.0, 0.0))
    data = nifti_bytes(coded_volume(), affine)
    stack = read_stack(data, 16)
    assert (stack.image_position[-1] - stack.image_position[0]) @ [0.7, -0.5, -0.5] > 30
    assert reason(data) == IN_ORDER


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_slices_of_an_axial_affine_stay_as_stored(sign: float) -> None:
    """ACDC's own files state the identity: nothing is known, and the ledger says so."""
    affine = affine_of(np.diag([-1.0, -1.0, sign]), (1.5, 1.5, 10.0), (0.0, 0.0, 0.0))
    data = nifti_bytes(coded_volume(), affine)
    stack = read_stack(data, 16)
    assert (stack.pixels[:, 0, 0, 0] // 64).tolist() == [0, 1, 2, 3, 4]
    assert stack.pixels[2, 3].tolist() == coded_volume()[:, :, 2, 3].T.tolist()
    assert stack.image_orientation.tolist() == list(AXIAL)
    assert reason(data) == UNORDERED


def test_a_file_without_an_orientation_is_left_as_it_is() -> None:
    data = nifti_bytes(coded_volume(), np.diag([2.0, 1.5, 9.0, 1.0]), sform_code=0, qform_code=0, qoffset_x=3.0)
    stack = read_stack(data, 16)
    assert stack.pixels[2, 3].tolist() == coded_volume()[:, :, 2, 3].T.tolist()
    assert stack.image_orientation.tolist() == list(AXIAL)
    assert stack.pixel_spacing == (1.5, 2.0)
    assert stack.image_position.tolist() == [[0.0, 0.0, 9.0 * index] for index in range(5)]
    assert reason(data) == UNORDERED


def test_a_volume_equals_the_same_cine_as_dicom() -> None:
    """The same frames as DICOM files and as NIfTI: equal pixels, window and geometry."""
    spec = SeriesSpec(n_slices=4, n_frames=12, size=(24, 20))
    images = [
        image for index in range(4) for frame in range(12) for image in read_images(encode(dataset(spec, index, frame)))
    ]
    (series,) = split_series(images)
    slices = sorted(acquisitions(series), key=lambda cine: cine.images[0].instance_number)
    values = np.stack([[pixels(0, index, frame, spec.size) for frame in range(12)] for index in range(4)])
    step = np.subtract(slices[1].images[0].position, slices[0].images[0].position)
    columns = [np.multiply(SAX[:3], 1.25), np.multiply(SAX[3:], 1.5), step, slices[0].images[0].position]
    affine = LPS @ np.vstack([np.array(columns).T, [0, 0, 0, 1]])
    for bits in (8, 16):
        stack = read_stack(nifti_bytes(values.transpose(3, 2, 0, 1), affine), bits)
        expected, limits = stack_pixels(slices, bits)
        is_turned = bool(step @ [0.7, -0.5, -0.5] < 0)
        order = slice(None, None, -1) if is_turned else slice(None)
        assert (stack.pixels[order] == expected).all() and stack.pixels.dtype == expected.dtype
        assert stack.intensity_window == limits
        np.testing.assert_allclose(stack.image_orientation, SAX, atol=1e-6)
        positions = [cine.images[0].position for cine in slices]
        np.testing.assert_allclose(stack.image_position[order], positions, atol=1e-4)
        np.testing.assert_allclose(stack.pixel_spacing, slices[0].images[0].spacing, atol=1e-6)


@pytest.mark.parametrize(("unit", "factor"), [("meter", 1000.0), ("micron", 0.001)])
def test_units_of_length_are_respected(unit: str, factor: float) -> None:
    affine = affine_of(np.diag([-1.0, -1.0, 1.0]), (1.5 / factor, 1.25 / factor, 10.0 / factor), (0.0, 0.0, 0.0))
    stack = read_stack(nifti_bytes(coded_volume(), affine, space=unit), 8)
    np.testing.assert_allclose((*stack.pixel_spacing, stack.slice_thickness), (1.25, 1.5, 10.0), rtol=1e-5)


def test_a_trailing_axis_of_one_does_not_matter() -> None:
    stack = read_stack(nifti_bytes(coded_volume()[..., None], AFFINES[0]), 16)
    assert (stack.pixels == read_stack(nifti_bytes(coded_volume(), AFFINES[0]), 16).pixels).all()


@pytest.mark.parametrize(("name", "expected"), [("acdc", UNORDERED), ("mnms", IN_ORDER)])
def test_geometry_of_real_volumes(name: str, expected: str) -> None:
    """Real volumes are single phases; repeated in time they have the form of a cine."""
    path = shared(f"real/cinema_examples/{name}/sax_ed.nii.gz")
    with pytest.raises(PreprocessError, match="no cine: 1 frames"):
        read_stack(path.read_bytes(), 8)
    image = nib.load(path)
    values = np.asarray(image.dataobj)
    data = nifti_bytes(np.repeat(values[..., None], 12, axis=3), image.affine)
    stack = read_stack(data, 16)
    assert stack.pixels.shape == (values.shape[2], 12, 192, 192)
    x, y, z = np.array(np.nonzero(values == values.max()))[:, 0]
    at = (LPS @ image.affine @ [x, y, z, 1.0])[:3]
    distance = np.linalg.norm(pixel_places(stack) - at, axis=-1)
    found = np.unravel_index(int(np.argmin(distance)), distance.shape)
    assert distance[found] < 1e-3
    assert stack.pixels[found[0], 5, found[1], found[2]] == values[x, y, z]
    assert reason(data) == expected
    np.testing.assert_allclose((*stack.pixel_spacing, stack.slice_thickness), (1.0, 1.0, 10.0), atol=1e-3)
