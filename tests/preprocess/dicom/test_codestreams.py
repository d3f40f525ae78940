"""Codestreams that are damaged or lie about their size are refused, undecoded where that can be seen before."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames

from preprocess.cines.pixels import decode
from preprocess.dicom.elements import quiet_pydicom
from preprocess.dicom.reading import read_images
from preprocess.errors import PreprocessError
from tests.support.codings import CODESTREAMS, CODINGS, SMALL_SERIES
from tests.support.factories import as_dataset, dataset, encode, pixels
from tests.support.memory import measured_memory


def codestream(name: str) -> tuple[Dataset, bytes]:
    ds = as_dataset(CODINGS[name](dataset(SMALL_SERIES, 0, 0)))
    return ds, next(generate_frames(ds.PixelData, number_of_frames=1))


def with_codestream(ds: Dataset, data: bytes) -> bytes:
    ds.PixelData = encapsulate([data])
    return encode(ds)


def resized(name: str, data: bytes, rows: int, cols: int) -> bytes:
    """A codestream that claims another size."""
    if name.startswith("JPEG 2000"):
        start = data.index(b"\xff\x51") + 6
        size = struct.pack(">II", cols, rows)
        return data[:start] + size + data[start + 8 : start + 16] + size + data[start + 24 :]
    marker = b"\xff\xf7" if "LS" in name else b"\xff\xc3"
    start = data.index(marker) + 5
    return data[:start] + struct.pack(">HH", rows, cols) + data[start + 4 :]


@pytest.mark.parametrize("name", [name for name in CODESTREAMS if not name.startswith("RLE")])
@pytest.mark.parametrize("size", [(60_000, 60_000), (40, 60_000), (0, 32), (41, 32), (32, 40)])
def test_a_codestream_of_another_size_is_refused_without_decoding(
    monkeypatch: pytest.MonkeyPatch, name: str, size: tuple[int, int]
) -> None:
    ds, data = codestream(name)
    (image,) = read_images(with_codestream(ds, resized(name, data, *size)))
    monkeypatch.setattr("preprocess.dicom.decoders._decode", lambda *_: pytest.fail("a decoder was called"))
    with pytest.raises(PreprocessError, match=r"not of the size|damaged"):
        decode(image)


@pytest.mark.parametrize("name", CODESTREAMS)
def test_a_codestream_that_is_cut_off_or_damaged_is_an_error_of_its_own(name: str) -> None:
    ds, data = codestream(name)
    for broken in (data[: len(data) // 2], data[:8], b"\xff\xd9", b"", bytes(len(data)), b"\xff" * 300, data[40:]):
        (image,) = read_images(with_codestream(ds, broken)) if broken else read_images(with_codestream(ds, b"\0\0"))
        with quiet_pydicom(), pytest.raises(PreprocessError, match=r"damaged|cut off"):
            decode(image)


@pytest.mark.parametrize("name", ["JPEG lossless", "JPEG lossless SV1"])
def test_damage_that_gdcm_only_complains_about_is_an_error_and_says_nothing(
    name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    ds, data = codestream(name)
    middle = data.index(b"\xff\xda") + 40
    (image,) = read_images(with_codestream(ds, data[:middle] + b"\xff\xd9"))
    with pytest.raises(PreprocessError, match="damaged"):
        decode(image)
    (whole,) = read_images(with_codestream(ds, data))
    np.testing.assert_array_equal(decode(whole), pixels(0, 0, 0, SMALL_SERIES.size))
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""


def test_no_mutation_of_a_codestream_allocates_much_or_escapes() -> None:
    rng, refused, per_coding = np.random.default_rng(0), 0, 60
    with measured_memory() as peak:
        for name in CODESTREAMS:
            ds, data = codestream(name)
            for _ in range(per_coding):
                mutated = bytearray(data)
                for _ in range(int(rng.integers(1, 6))):
                    mutated[int(rng.integers(min(len(data), 120)))] = int(rng.integers(256))
                (image,) = read_images(with_codestream(ds, bytes(mutated)))
                try:
                    with quiet_pydicom():
                        assert decode(image).shape == SMALL_SERIES.size
                except PreprocessError:
                    refused += 1
        assert peak() < 32 << 20
    assert 0 < refused < per_coding * len(CODESTREAMS), "some are refused, some decoded"


def test_rle_makes_no_more_than_the_header_says() -> None:
    ds, _ = codestream("RLE")
    bomb = struct.pack("<16I", 2, 64, 64 + (1 << 20), *[0] * 13) + bytes([129, 7]) * (1 << 20)
    (image,) = read_images(with_codestream(ds, bomb))
    with measured_memory() as peak:
        assert (decode(image) == 0x0707).all()
        assert peak() < 8 << 20


@pytest.mark.parametrize("offsets", [(3, 64, 100), (2, 10, 100), (2, 100, 64), (2, 64, 1 << 30), (1, 64, 0)])
def test_an_absurd_rle_header_is_refused(offsets: tuple[int, int, int]) -> None:
    ds, data = codestream("RLE")
    (image,) = read_images(with_codestream(ds, struct.pack("<3I", *offsets) + data[12:]))
    with pytest.raises(PreprocessError, match="damaged"):
        decode(image)


def test_jpeg_2000_in_its_file_format_is_unwrapped() -> None:
    ds, data = codestream("JPEG 2000")
    boxes = b"\0\0\0\x0cjP  \r\n\x87\n" + b"\0\0\0\x14ftypjp2 \0\0\0\0jp2 "
    for length in (0, len(data) + 8):
        wrapped = boxes + struct.pack(">I4s", length, b"jp2c") + data
        (image,) = read_images(with_codestream(ds, wrapped))
        np.testing.assert_array_equal(decode(image), pixels(0, 0, 0, SMALL_SERIES.size))
