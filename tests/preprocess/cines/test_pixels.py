"""Stored numbers: rescale, inversion, windows, compression, Enhanced MR."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pydicom
import pytest

from preprocess.cines.pixels import decode, stack_pixels
from preprocess.cines.series import Acquisition, acquisitions, split_series
from preprocess.dicom.elements import quiet_pydicom
from preprocess.dicom.frame import Frame
from preprocess.dicom.reading import read_images
from preprocess.errors import PreprocessError
from tests.support.enhanced import enhanced
from tests.support.factories import SeriesSpec, as_dataset, dataset, datasets, encode, pixels

SPEC = SeriesSpec(n_slices=1)


def cines(*specs: SeriesSpec) -> list[Acquisition]:
    images = [read_images(encode(ds))[0] for spec in specs for ds in datasets(spec)]
    return [cine for one in split_series(images) for cine in acquisitions(one)]


def test_monochrome1_is_turned() -> None:
    plain, turned = (
        stack_pixels(cines(replace(SPEC, tags={"PhotometricInterpretation": name})), 16)[0]
        for name in ("MONOCHROME2", "MONOCHROME1")
    )
    np.testing.assert_array_equal(turned, 4095 - plain)


def test_the_window_ignores_outliers_and_is_in_scanner_units() -> None:
    spec = replace(SPEC, size=(64, 64), tags={"RescaleSlope": 2, "RescaleIntercept": -10})
    images = [dataset(spec, 0, frame) for frame in range(spec.n_frames)]
    rng = np.random.default_rng(0)
    for ds in images:
        array = rng.integers(100, 300, (64, 64)).astype(np.uint16)
        array[0, 0] = 4000
        ds.PixelData = array.tobytes()
    stack, (low, high) = stack_pixels([Acquisition(tuple(read_images(encode(ds))[0] for ds in images), 0.0)], 8)
    assert low == pytest.approx(2 * 100 - 10, abs=2)
    assert high == pytest.approx(2 * 299 - 10, abs=2)
    assert stack.dtype == np.uint8
    assert (stack.min(), stack.max()) == (0, 255)
    stored = np.stack([np.frombuffer(ds.PixelData, np.uint16).reshape(64, 64) for ds in images])
    expected = np.rint(np.clip((stored * 2.0 - 10 - low) / (high - low), 0, 1) * 255)
    np.testing.assert_array_equal(stack[0], expected)


def test_slices_of_different_rescale_share_one_scale() -> None:
    single = cines(replace(SPEC, tags={"RescaleSlope": 1}))
    double = cines(replace(SPEC, tags={"RescaleSlope": 2}, uid="1.2.3"))
    stack, window = stack_pixels([*single, *double], 16)
    np.testing.assert_array_equal(stack[1], 2 * stack[0].astype(int))
    assert window == (0.0, 65535.0)


def test_signed_numbers_keep_their_order() -> None:
    images = [dataset(replace(SPEC, tags={"PixelRepresentation": 1}), 0, frame) for frame in range(10)]
    for frame, ds in enumerate(images):
        ds.PixelData = (pixels(0, 0, frame, SPEC.size).astype(np.int16) - 50).tobytes()
    stack, (low, high) = stack_pixels([Acquisition(tuple(read_images(encode(ds))[0] for ds in images), 0.0)], 16)
    assert (low, high) == (-50.0, 65485.0)
    np.testing.assert_array_equal(stack[0, 3], pixels(0, 0, 3, SPEC.size))


def test_a_constant_stack_does_not_divide_by_zero() -> None:
    images = [dataset(SPEC, 0, frame) for frame in range(10)]
    for ds in images:
        ds.PixelData = bytes(len(ds.PixelData))
    stack, (low, high) = stack_pixels([Acquisition(tuple(read_images(encode(ds))[0] for ds in images), 0.0)], 8)
    assert not stack.any()
    assert high > low


@pytest.mark.parametrize(
    "syntax", [pydicom.uid.RLELossless, pydicom.uid.JPEG2000Lossless, pydicom.uid.ImplicitVRLittleEndian]
)
def test_lossless_codings_give_equal_pixels(syntax: pydicom.uid.UID) -> None:
    spec = replace(SPEC, size=(64, 48))
    ds = dataset(spec, 0, 4)
    if syntax.is_compressed:
        ds.compress(syntax, generate_instance_uid=False)
    else:
        ds.file_meta.TransferSyntaxUID = syntax
    (image,) = read_images(encode(ds))
    np.testing.assert_array_equal(decode(image), pixels(0, 0, 4, spec.size))


def test_damaged_compressed_pixels_are_an_error() -> None:
    ds = dataset(replace(SPEC, size=(64, 48)), 0, 0)
    ds.compress(pydicom.uid.JPEG2000Lossless, generate_instance_uid=False)
    data = bytearray(encode(ds))
    start = data.rindex(b"\xff\x4f\xff\x51")
    data[start : start + 40] = bytes(40)
    (image,) = read_images(bytes(data))
    with quiet_pydicom(), pytest.raises(PreprocessError, match="cannot be decoded"):
        decode(image)


@pytest.mark.parametrize("compress", [False, True])
def test_enhanced_frames_are_sorted_into_slices(compress: bool) -> None:
    data, spec = enhanced(compress)
    images: list[Frame] = read_images(data)
    assert len({image.instance_uid for image in images}) == 24
    (one,) = split_series(images)
    stack, _ = stack_pixels(acquisitions(one), 16)
    expected = [[pixels(0, one, frame, spec.size) for frame in range(12)] for one in range(2)]
    np.testing.assert_array_equal(stack, expected)
    assert images[0].spacing == (1.5, 1.25)


def test_enhanced_with_missing_groups_is_an_error() -> None:
    data, _ = enhanced()
    ds = as_dataset(data)
    ds.NumberOfFrames = 30
    with pytest.raises(PreprocessError, match="do not match"):
        read_images(encode(ds))


def test_bits_outside_of_the_stored_ones_are_not_of_the_image() -> None:
    """Old scanners keep overlays in the upper bits, and some keep the image in the upper ones."""
    plain = pixels(0, 0, 4, SPEC.size)
    overlay = dataset(SPEC, 0, 4)
    overlay.PixelData = (plain | 0x8000 | 0x1000).astype(np.uint16).tobytes()
    upper = dataset(SPEC, 0, 4)
    upper.HighBit, upper.PixelData = 15, ((plain << 4) | 0x5).astype(np.uint16).tobytes()
    signed = dataset(SPEC, 0, 4)
    signed.PixelRepresentation = 1
    negative = plain.astype(np.int16) - 300
    signed.PixelData = (negative.astype(np.uint16) & 0x0FFF).tobytes()
    for ds, expected in ((overlay, plain), (upper, plain), (signed, negative)):
        np.testing.assert_array_equal(decode(read_images(encode(ds))[0]), expected)


@pytest.mark.parametrize("big_endian", [False, True])
def test_images_of_eight_bits(big_endian: bool) -> None:
    grey = np.arange(24 * 20, dtype=np.uint16).reshape(24, 20).astype(np.uint8)
    ds = dataset(SPEC, 0, 0)
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelData = 8, 8, 7, grey.tobytes()
    data = encode(ds)
    if big_endian:  # bytes of words (OW) are swapped
        ds.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRBigEndian
        ds.PixelData = grey.ravel().view("<u2").astype(">u2").tobytes()
        ds["PixelData"].VR = "OW"
        buffer = pydicom.filebase.DicomBytesIO()
        pydicom.dcmwrite(buffer, ds, enforce_file_format=True, little_endian=False, implicit_vr=False)
        data = buffer.getvalue()
    np.testing.assert_array_equal(decode(read_images(data)[0]), grey)


def padded_cine(padding: int, signed: bool, **tags: object) -> tuple[Acquisition, np.ndarray]:
    """A cine whose first rows are padding."""
    spec = replace(SPEC, size=(64, 48), tags={"PixelRepresentation": int(signed), **tags})
    images = [dataset(spec, 0, frame) for frame in range(12)]
    for frame, ds in enumerate(images):
        array = pixels(0, 0, frame, spec.size).astype(np.int64) % 3000 + 100
        array[:16] = padding
        ds.BitsStored, ds.HighBit = 16, 15
        ds.add_new("PixelPaddingValue", "SS" if signed else "US", padding)
        ds.PixelData = array.astype(np.int16 if signed else np.uint16).tobytes()
    bare = np.stack([np.frombuffer(ds.PixelData, "<i2" if signed else "<u2").reshape(64, 48) for ds in images])
    return Acquisition(tuple(read_images(encode(ds))[0] for ds in images), 0.0), bare


@pytest.mark.parametrize(("padding", "signed"), [(65535, False), (0, False), (-32768, True), (-2000, True)])
def test_padding_is_dark_and_does_not_count_for_the_window(padding: int, signed: bool) -> None:
    cine, bare = padded_cine(padding, signed)
    stack, (low, high) = stack_pixels([cine], 8)
    inside = np.sort(bare[:, 16:].ravel())
    assert (low, high) == (inside[int(0.001 * inside.size)], inside[int(0.999 * inside.size)])
    np.testing.assert_array_equal(stack[0, :, :16], 0)
    assert stack[0, :, 16:].max() == 255


def test_padding_is_dark_also_in_monochrome1() -> None:
    cine, _ = padded_cine(0, False, PhotometricInterpretation="MONOCHROME1")
    stack, _ = stack_pixels([cine], 8)
    np.testing.assert_array_equal(stack[0, :, :16], 0)


def test_padding_is_dark_also_where_frames_differ_in_rescale() -> None:
    first, _ = padded_cine(65535, False, RescaleSlope=1)
    second, _ = padded_cine(65535, False, RescaleSlope=3)
    stack, _ = stack_pixels([first, second], 8)
    np.testing.assert_array_equal(stack[:, :, :16], 0)
    assert stack[1, :, 16:].max() == 255


def test_sixteen_bits_leave_padding_as_it_is() -> None:
    cine, bare = padded_cine(65535, False)
    stack, window = stack_pixels([cine], 16)
    np.testing.assert_array_equal(stack[0], bare)
    assert window == (0.0, 65535.0)


def test_a_negative_slope_keeps_large_scanner_values_bright() -> None:
    stack, (low, high) = stack_pixels(cines(replace(SPEC, tags={"RescaleSlope": -2, "RescaleIntercept": 9000})), 8)
    assert low < high
    assert stack[0, 0, 0, 0] > stack[0, 0, -1, -1]


@pytest.mark.parametrize("tags", [{"RescaleSlope": "1e30"}, {"RescaleSlope": "1e-30"}, {"RescaleIntercept": "-1e20"}])
def test_absurd_rescale_factors_are_refused(tags: dict[str, str]) -> None:
    with pytest.raises(PreprocessError, match="beyond reason"):
        read_images(encode(dataset(replace(SPEC, tags=tags), 0, 0)))
