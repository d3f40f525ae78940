"""Every lossless coding of a study is stored alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest

from preprocess.cines.pixels import PixelRules, decode, make_stack
from preprocess.cines.series import acquisitions, split_series
from preprocess.dicom.elements import study_uid_of
from preprocess.dicom.reading import read_images
from preprocess.store.views import View
from tests.support.codings import CODESTREAMS, CODINGS, SMALL_SERIES, compressed, small_study
from tests.support.enhanced import enhanced
from tests.support.factories import as_dataset, dataset, datasets, encode, files, write_zip
from tests.support.stores import as_stored, base_to_apex, convert, hashes, ledger, only_study


@pytest.fixture(scope="module")
def plain_hashes(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Hashes of the study as stored from uncompressed files."""
    folder = tmp_path_factory.mktemp("plain")
    source = write_zip(folder / "plain.zip", files(*small_study()))
    return list(hashes(convert(folder / "store", source, bits=16)).values())


@pytest.mark.parametrize("name", CODINGS)
def test_a_study_in_any_lossless_coding_is_stored_alike(plain_hashes: list[str], tmp_path: Path, name: str) -> None:
    content = {
        f"{number}/{index}": CODINGS[name](ds)
        for number, spec in enumerate(small_study())
        for index, ds in enumerate(datasets(spec))
    }
    stored = hashes(convert(tmp_path / "store", write_zip(tmp_path / "a.zip", content), bits=16))
    assert list(stored.values()) == plain_hashes


def test_a_study_in_monochrome1_is_stored_alike(plain_hashes: list[str], tmp_path: Path) -> None:
    content = {}
    for number, spec in enumerate(small_study()):
        for index, ds in enumerate(datasets(spec)):
            ds.PhotometricInterpretation = "MONOCHROME1"
            ds.PixelData = (4095 - np.frombuffer(ds.PixelData, np.uint16)).tobytes()
            content[f"{number}/{index}"] = encode(ds)
    stored = hashes(convert(tmp_path / "store", write_zip(tmp_path / "a.zip", content), bits=16))
    assert list(stored.values()) == plain_hashes


@pytest.mark.parametrize("syntax", [None, "RLELossless", "JPEGLSLossless", "JPEG2000Lossless"])
def test_an_enhanced_file_is_stored_like_the_classic_ones(tmp_path: Path, syntax: str | None) -> None:
    data, spec = enhanced(size=SMALL_SERIES.size)
    if syntax:
        ds = as_dataset(data)
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
    numbers = np.random.default_rng(bits).integers(
        -half if signed else 0, half if signed else 2 * half, SMALL_SERIES.size
    )
    stored = numbers.astype(np.int16 if signed else np.uint16)
    ds = dataset(SMALL_SERIES, 0, 0)
    ds.BitsStored, ds.HighBit, ds.PixelRepresentation = bits, bits - 1, int(signed)
    ds.PixelData = stored.tobytes()
    (image,) = read_images(CODINGS[name](ds))
    assert image.pixels.syntax
    np.testing.assert_array_equal(decode(image), stored)


@pytest.mark.parametrize("name", ["implicit", "deflated", "big endian"])
def test_the_study_of_a_file_is_found_without_reading_it_all(tmp_path: Path, name: str) -> None:
    (tmp_path / "one").write_bytes(CODINGS[name](dataset(SMALL_SERIES, 0, 0)))
    assert study_uid_of(tmp_path / "one") == "1.2.826.0.1.3680043.8.498"


def test_each_compressed_frame_is_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from preprocess.cines import pixels as module

    calls: list[str] = []
    real: Callable[..., object] = module.decode_frame
    monkeypatch.setattr(module, "decode_frame", lambda *given: calls.append("") or real(*given))
    content = {str(index): CODINGS["JPEG-LS"](ds) for index, ds in enumerate(datasets(SMALL_SERIES))}
    convert(tmp_path / "store", write_zip(tmp_path / "a.zip", content))
    assert len(calls) == SMALL_SERIES.n_slices * SMALL_SERIES.n_frames


def test_a_damaged_slice_gives_way_to_its_repeat(tmp_path: Path) -> None:
    first = replace(SMALL_SERIES, n_slices=1, level=1, acquired="101500")
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
    for index, ds in enumerate(datasets(replace(SMALL_SERIES, n_slices=1))):
        images += read_images(CODINGS["JPEG 2000"](ds) if index % 2 else encode(ds))
    cines = acquisitions(split_series(images)[0])
    stack = make_stack(cines, [[decode(image) for image in cine.images] for cine in cines], PixelRules(16))
    np.testing.assert_array_equal(stack.pixels, as_stored(replace(SMALL_SERIES, n_slices=1)))
