"""Decoders that are missing take turns or are named, and so are codings that nobody reads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate
from pydicom.pixels import get_decoder

from preprocess.cines.pixels import decode
from preprocess.dicom.reading import read_images
from preprocess.errors import PreprocessError
from preprocess.store.views import View
from tests.support.codings import CODINGS, SMALL_SERIES, small_study
from tests.support.factories import as_dataset, dataset, datasets, files, pixels, write_zip
from tests.support.stores import convert, ledger, only_study


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
    lacking = replace(SMALL_SERIES, n_slices=1)
    other = replace(small_study()[0], uid="1.2.9")
    content = {str(index): CODINGS[name](ds) for index, ds in enumerate(datasets(lacking))} | files(other)
    source = write_zip(tmp_path / "a.zip", content)
    syntax = as_dataset(content["0"]).file_meta.TransferSyntaxUID
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
    (image,) = read_images(CODINGS["JPEG-LS"](dataset(SMALL_SERIES, 0, 4)))
    np.testing.assert_array_equal(decode(image), pixels(0, 0, 4, SMALL_SERIES.size))


def test_a_syntax_that_nobody_reads_is_named_and_a_private_one_is_not_quoted() -> None:
    ds = dataset(SMALL_SERIES, 0, 0)
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
