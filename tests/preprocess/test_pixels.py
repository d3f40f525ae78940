"""Stored numbers: rescale, inversion, windows, compression, Enhanced MR."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pydicom
import pytest
from factories import SeriesSpec, dataset, datasets, encode, pixels
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence

from preprocess.dicom import Image, read_images
from preprocess.elements import quiet_pydicom
from preprocess.errors import PreprocessError
from preprocess.pixels import decode, stack_pixels
from preprocess.series import Acquisition, acquisitions, split_series

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


SHARED_KEYWORDS = [
    "PatientID",
    "AccessionNumber",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SeriesDescription",
    "Manufacturer",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "SamplesPerPixel",
    "PhotometricInterpretation",
]


def enhanced(compress: bool = False, size: tuple[int, int] = SPEC.size) -> tuple[bytes, SeriesSpec]:
    """Two slices of twelve frames in one Enhanced MR file."""
    spec = replace(SPEC, n_slices=2, size=size)
    first = dataset(spec, 0, 0)
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4.1"
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = "1.2.3.4"
    for keyword in SHARED_KEYWORDS:
        setattr(ds, keyword, getattr(first, keyword))
    shared = Dataset()
    shared.PlaneOrientationSequence = Sequence([_item(ImageOrientationPatient=first.ImageOrientationPatient)])
    shared.PixelMeasuresSequence = Sequence([_item(PixelSpacing=[1.5, 1.25], SliceThickness=8)])
    ds.SharedFunctionalGroupsSequence = Sequence([shared])
    groups, data = [], b""
    for index in reversed(range(2 * spec.n_frames)):
        one, frame = divmod(index, spec.n_frames)
        group = Dataset()
        position = dataset(spec, one, frame).ImagePositionPatient
        group.PlanePositionSequence = Sequence([_item(ImagePositionPatient=position)])
        group.CardiacSynchronizationSequence = Sequence([_item(NominalCardiacTriggerDelayTime=40.0 * frame)])
        group.FrameContentSequence = Sequence([_item(TemporalPositionIndex=frame + 1)])
        groups.append(group)
        data += pixels(0, one, frame, spec.size).tobytes()
    ds.PerFrameFunctionalGroupsSequence = Sequence(groups)
    ds.NumberOfFrames = len(groups)
    ds.PixelData = data
    if compress:
        ds.compress(pydicom.uid.RLELossless, generate_instance_uid=False)
    return encode(ds), spec


def _item(**values: object) -> Dataset:
    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item


@pytest.mark.parametrize("compress", [False, True])
def test_enhanced_frames_are_sorted_into_slices(compress: bool) -> None:
    data, spec = enhanced(compress)
    images: list[Image] = read_images(data)
    assert len({image.instance_uid for image in images}) == 24
    (one,) = split_series(images)
    stack, _ = stack_pixels(acquisitions(one), 16)
    expected = [[pixels(0, one, frame, spec.size) for frame in range(12)] for one in range(2)]
    np.testing.assert_array_equal(stack, expected)
    assert images[0].spacing == (1.5, 1.25)


def test_enhanced_with_missing_groups_is_an_error() -> None:
    data, _ = enhanced()
    ds = pydicom.dcmread(pydicom.filebase.DicomBytesIO(data))
    ds.NumberOfFrames = 30
    with pytest.raises(PreprocessError, match="do not match"):
        read_images(encode(ds))
