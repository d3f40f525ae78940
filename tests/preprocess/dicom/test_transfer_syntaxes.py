"""Every lossless coding of a study is stored alike; codestreams that lie about their size are refused undecoded."""

from __future__ import annotations

import struct
import tracemalloc
import zlib
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels import get_decoder

from preprocess.cines.pixels import PixelRules, decode, make_stack
from preprocess.cines.series import acquisitions, split_series
from preprocess.dicom.elements import quiet_pydicom, study_uid_of
from preprocess.dicom.reading import read_images
from preprocess.errors import PreprocessError
from preprocess.store.views import View
from tests.support.codings import CODINGS, compressed
from tests.support.enhanced import enhanced
from tests.support.factories import SeriesSpec, a_study, dataset, datasets, encode, files, pixels, write_zip
from tests.support.stores import as_stored, base_to_apex, convert, hashes, ledger, only_study

SPEC = SeriesSpec(size=(40, 32))
CODESTREAMS = [name for name in CODINGS if name not in ("implicit", "deflated", "big endian")]


def specs() -> tuple[SeriesSpec, ...]:
    return tuple(replace(spec, size=(40, 32)) for spec in a_study() if "LOC" not in spec.description)


@cache
def plain_hashes(folder: Path) -> list[str]:
    return list(hashes(convert(folder / "plain", write_zip(folder / "plain.zip", files(*specs())), bits=16)).values())


@pytest.mark.parametrize("name", CODINGS)
def test_a_study_in_any_lossless_coding_is_stored_alike(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, name: str
) -> None:
    content = {
        f"{number}/{index}": CODINGS[name](ds)
        for number, spec in enumerate(specs())
        for index, ds in enumerate(datasets(spec))
    }
    stored = hashes(convert(tmp_path / "store", write_zip(tmp_path / "a.zip", content), bits=16))
    assert list(stored.values()) == plain_hashes(tmp_path_factory.getbasetemp())


def test_a_study_in_monochrome1_is_stored_alike(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    content = {}
    for number, spec in enumerate(specs()):
        for index, ds in enumerate(datasets(spec)):
            ds.PhotometricInterpretation = "MONOCHROME1"
            ds.PixelData = (4095 - np.frombuffer(ds.PixelData, np.uint16)).tobytes()
            content[f"{number}/{index}"] = encode(ds)
    stored = hashes(convert(tmp_path / "store", write_zip(tmp_path / "a.zip", content), bits=16))
    assert list(stored.values()) == plain_hashes(tmp_path_factory.getbasetemp())


@pytest.mark.parametrize("syntax", [None, "RLELossless", "JPEGLSLossless", "JPEG2000Lossless"])
def test_an_enhanced_file_is_stored_like_the_classic_ones(tmp_path: Path, syntax: str | None) -> None:
    data, spec = enhanced(size=SPEC.size)
    if syntax:
        ds = pydicom.dcmread(pydicom.filebase.DicomBytesIO(data))
        data = compressed(getattr(pydicom.uid, syntax))(ds)
    classic = convert(tmp_path / "classic", write_zip(tmp_path / "c.zip", files(spec)), bits=16)
    store = convert(tmp_path / "enhanced", write_zip(tmp_path / "e.zip", {"one": data}), bits=16)
    assert hashes(store) == hashes(classic)
    np.testing.assert_array_equal(only_study(store).views[View.SAX].pixels, as_stored(spec, base_to_apex(spec)))


@pytest.mark.parametrize("name", CODESTREAMS)
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("bits", [12, 16])
def test_signed_and_wide_numbers_survive_every_coding(name: str, signed: bool, bits: int) -> None:
    half = 1 << (bits - 1)
    numbers = np.random.default_rng(bits).integers(-half if signed else 0, half if signed else 2 * half, SPEC.size)
    stored = numbers.astype(np.int16 if signed else np.uint16)
    ds = dataset(SPEC, 0, 0)
    ds.BitsStored, ds.HighBit, ds.PixelRepresentation = bits, bits - 1, int(signed)
    ds.PixelData = stored.tobytes()
    (image,) = read_images(CODINGS[name](ds))
    assert image.pixels.syntax
    np.testing.assert_array_equal(decode(image), stored)


@pytest.mark.parametrize(
    ("name", "plugins", "said"),
    [
        ("JPEG-LS", ["pyjpegls", "gdcm"], "JPEG-LS Lossless Image Compression (package pyjpegls decodes it)"),
        (
            "JPEG 2000",
            ["pylibjpeg", "pillow", "gdcm"],
            "JPEG 2000 Image Compression (Lossless Only) (package pylibjpeg-openjpeg decodes it)",
        ),
        (
            "JPEG lossless SV1",
            ["gdcm"],
            "JPEG Lossless, Non-Hierarchical, First-Order Prediction (Process 14 [Selection Value 1]) "
            "(package python-gdcm decodes it)",
        ),
    ],
)
def test_a_missing_decoder_is_named_in_the_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, plugins: list[str], said: str
) -> None:
    lacking = replace(SPEC, n_slices=1)
    other = replace(specs()[0], uid="1.2.9")
    content = {str(index): CODINGS[name](ds) for index, ds in enumerate(datasets(lacking))} | files(other)
    source = write_zip(tmp_path / "a.zip", content)
    syntax = pydicom.dcmread(pydicom.filebase.DicomBytesIO(content["0"])).file_meta.TransferSyntaxUID
    hidden = {key: call for key, call in get_decoder(syntax)._available.items() if key not in plugins}
    monkeypatch.setattr(get_decoder(syntax), "_available", hidden)
    store = convert(tmp_path / "store", source)
    assert set(only_study(store).views) == {View.CH4}
    rows = ledger(store)
    assert set(rows[rows.view == "SAX"].reason) == {f"no decoder installed for {said}"}


def test_the_next_decoder_takes_over_where_the_first_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = get_decoder(pydicom.uid.JPEGLSLossless)
    only = {key: call for key, call in decoder._available.items() if key == "gdcm"}
    monkeypatch.setattr(decoder, "_available", only)
    (image,) = read_images(CODINGS["JPEG-LS"](dataset(SPEC, 0, 4)))
    np.testing.assert_array_equal(decode(image), pixels(0, 0, 4, SPEC.size))


def test_a_syntax_that_nobody_reads_is_named_and_a_private_one_is_not_quoted() -> None:
    ds = dataset(SPEC, 0, 0)
    ds.PixelData = encapsulate([b"\0" * 64])
    reasons = []
    for syntax in (pydicom.uid.MPEG2MPML, pydicom.uid.UID("1.3.6.1.4.1.4242.7")):
        ds.file_meta.TransferSyntaxUID = syntax
        buffer = pydicom.filebase.DicomBytesIO()
        pydicom.dcmwrite(buffer, ds, little_endian=True, implicit_vr=False, enforce_file_format=True)
        (image,) = read_images(buffer.getvalue())
        with pytest.raises(PreprocessError) as error:
            decode(image)
        reasons.append(error.value.problem)
    assert reasons[0].startswith("pixels in a transfer syntax that is not read: MPEG2 Main Profile")
    assert reasons[1] == "pixels in a transfer syntax that is not read: a private one"


def codestream(name: str) -> tuple[Dataset, bytes]:
    ds = pydicom.dcmread(pydicom.filebase.DicomBytesIO(CODINGS[name](dataset(SPEC, 0, 0))))
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
    np.testing.assert_array_equal(decode(whole), pixels(0, 0, 0, SPEC.size))
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""


def test_no_mutation_of_a_codestream_allocates_much_or_escapes() -> None:
    rng = np.random.default_rng(0)
    tracemalloc.start()
    for name in CODESTREAMS:
        ds, data = codestream(name)
        for _ in range(60):
            mutated = bytearray(data)
            for _ in range(int(rng.integers(1, 6))):
                mutated[int(rng.integers(min(len(data), 120)))] = int(rng.integers(256))
            (image,) = read_images(with_codestream(ds, bytes(mutated)))
            try:
                with quiet_pydicom():
                    assert decode(image).shape == SPEC.size
            except PreprocessError:
                pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 32 << 20


def test_rle_makes_no_more_than_the_header_says() -> None:
    ds, _ = codestream("RLE")
    bomb = struct.pack("<16I", 2, 64, 64 + (1 << 20), *[0] * 13) + bytes([129, 7]) * (1 << 20)
    (image,) = read_images(with_codestream(ds, bomb))
    tracemalloc.start()
    decoded = decode(image)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (decoded == 0x0707).all()
    assert peak < 8 << 20


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
        np.testing.assert_array_equal(decode(image), pixels(0, 0, 0, SPEC.size))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"Rows": 5000}, "image of more than 4096 × 4096 pixels"),
        ({"Columns": 65535}, "image of more than 4096 × 4096 pixels"),
        ({"Rows": 0}, "image without geometry"),
        ({"NumberOfFrames": 20000}, "multi-frame"),
    ],
)
def test_absurd_sizes_are_refused(change: dict[str, int], reason: str) -> None:
    ds = dataset(SPEC, 0, 0)
    for keyword, value in change.items():
        setattr(ds, keyword, value)
    with pytest.raises(PreprocessError, match=reason):
        read_images(encode(ds))


def test_absurd_numbers_of_frames_are_refused() -> None:
    ds = pydicom.dcmread(pydicom.filebase.DicomBytesIO(enhanced()[0]))
    ds.NumberOfFrames = 2_000_000_000
    with pytest.raises(PreprocessError, match="more than 10000 frames"):
        read_images(encode(ds))


def test_a_stack_that_would_fill_the_memory_is_left_out_and_the_rest_is_stored(tmp_path: Path) -> None:
    ds = dataset(replace(SPEC, size=(2048, 2048)), 0, 0)
    ds.PixelData = bytes(2 * 2048 * 2048)
    ds.compress(pydicom.uid.JPEG2000Lossless, generate_instance_uid=False)
    content = files(replace(specs()[0], uid="1.2.9"))
    for frame in range(70):
        ds.SOPInstanceUID, ds.TriggerTime, ds.CardiacNumberOfImages = f"1.2.7.{frame}", 20 * frame, 70
        content[f"huge{frame}"] = encode(ds)
    store = convert(tmp_path / "store", write_zip(tmp_path / "a.zip", content))
    assert set(only_study(store).views) == {View.CH4}
    assert "stack of more than 268435456 pixels (refused)" in set(ledger(store).reason)


def deflated_bomb() -> bytes:
    ds = dataset(SPEC, 0, 0)
    ds.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    data = encode(ds)
    plain = dataset(SPEC, 0, 0)
    start = data.index(b"1.2.840.10008.1.2.1.99")
    length = struct.unpack("<I", data[140:144])[0]
    assert 144 <= start < 144 + length
    body = encode(plain)
    at = 144 + struct.unpack("<I", body[140:144])[0]
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    parts = [packer.compress(body[at:]), packer.compress(struct.pack("<HH2sHI", 0x7FFF, 0x1001, b"OB", 0, 1 << 28))]
    parts += [packer.compress(bytes(1 << 20)) for _ in range(256)]
    return b"".join([data[: 144 + length], *parts, packer.flush()])


def test_a_deflated_bomb_is_refused(tmp_path: Path) -> None:
    data = deflated_bomb()
    assert len(data) < 1 << 20
    tracemalloc.start()
    with pytest.raises(PreprocessError, match="far more than its size"):
        read_images(data)
    (tmp_path / "bomb").write_bytes(data)
    assert study_uid_of(tmp_path / "bomb") == ""
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 200 << 20


@pytest.mark.parametrize("name", ["implicit", "deflated", "big endian"])
def test_the_study_of_a_file_is_found_without_reading_it_all(tmp_path: Path, name: str) -> None:
    (tmp_path / "one").write_bytes(CODINGS[name](dataset(SPEC, 0, 0)))
    assert study_uid_of(tmp_path / "one") == "1.2.826.0.1.3680043.8.498"


def test_each_compressed_frame_is_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from preprocess.cines import pixels as module

    calls: list[str] = []
    real: Callable[..., object] = module.decode_frame
    monkeypatch.setattr(module, "decode_frame", lambda *given: calls.append("") or real(*given))
    content = {str(index): CODINGS["JPEG-LS"](ds) for index, ds in enumerate(datasets(SPEC))}
    convert(tmp_path / "store", write_zip(tmp_path / "a.zip", content))
    assert len(calls) == SPEC.n_slices * SPEC.n_frames


def test_a_damaged_slice_gives_way_to_its_repeat(tmp_path: Path) -> None:
    first = replace(SPEC, n_slices=1, level=1, acquired="101500")
    later = replace(first, level=2, acquired="102000", uid="1.2.9")
    content = files(first)
    for index, ds in enumerate(datasets(later)):
        data = bytearray(CODINGS["JPEG-LS"](ds))
        if index == 3:
            start = data.rindex(b"\xff\xd8\xff\xf7")
            data[start : start + 20] = bytes(20)
        content[f"later{index}"] = bytes(data)
    store = convert(tmp_path / "store", write_zip(tmp_path / "a.zip", content), bits=16)
    np.testing.assert_array_equal(only_study(store).views[View.SAX].pixels, as_stored(first))
    rows = ledger(store)
    assert rows[rows.position_mm != ""].reason.tolist() == ["pixels are damaged (they cannot be decoded)"]
    assert sorted(rows[rows.position_mm == ""].outcome) == ["left_out", "stored"]


def test_compressed_and_plain_frames_of_one_slice_fit_together() -> None:
    images = []
    for index, ds in enumerate(datasets(replace(SPEC, n_slices=1))):
        images += read_images(CODINGS["JPEG 2000"](ds) if index % 2 else encode(ds))
    cines = acquisitions(split_series(images)[0])
    stack = make_stack(cines, [[decode(image) for image in one.images] for one in cines], PixelRules(16))
    np.testing.assert_array_equal(stack.pixels, as_stored(replace(SPEC, n_slices=1)))
