"""Files that claim absurd sizes, or unpack to them, are refused before memory is taken."""

from __future__ import annotations

import struct
import zlib
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest

from preprocess.dicom.elements import study_uid_of
from preprocess.dicom.reading import read_images
from preprocess.errors import PreprocessError
from preprocess.store.views import View
from tests.support.codings import SMALL_SERIES, small_study
from tests.support.enhanced import enhanced
from tests.support.factories import as_dataset, dataset, encode, files, write_zip
from tests.support.memory import measured_memory
from tests.support.stores import convert, ledger, only_study


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
    ds = dataset(SMALL_SERIES, 0, 0)
    for keyword, value in change.items():
        setattr(ds, keyword, value)
    with pytest.raises(PreprocessError, match=reason):
        read_images(encode(ds))


def test_absurd_numbers_of_frames_are_refused() -> None:
    ds = as_dataset(enhanced()[0])
    ds.NumberOfFrames = 2_000_000_000
    with pytest.raises(PreprocessError, match="more than 10000 frames"):
        read_images(encode(ds))


def test_a_stack_that_would_fill_the_memory_is_left_out_and_the_rest_is_stored(tmp_path: Path) -> None:
    ds = dataset(replace(SMALL_SERIES, size=(2048, 2048)), 0, 0)
    ds.PixelData = bytes(2 * 2048 * 2048)
    ds.compress(pydicom.uid.JPEG2000Lossless, generate_instance_uid=False)
    content = files(replace(small_study()[0], uid="1.2.9"))
    for frame in range(70):
        ds.SOPInstanceUID, ds.TriggerTime, ds.CardiacNumberOfImages = f"1.2.7.{frame}", 20 * frame, 70
        content[f"huge{frame}"] = encode(ds)
    store = convert(tmp_path / "store", write_zip(tmp_path / "a.zip", content))
    assert set(only_study(store).views) == {View.CH4}
    assert "stack of more than 268435456 pixels (refused)" in set(ledger(store).reason)


def deflated_bomb() -> bytes:
    ds = dataset(SMALL_SERIES, 0, 0)
    ds.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    data = encode(ds)
    plain = dataset(SMALL_SERIES, 0, 0)
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
    (tmp_path / "bomb").write_bytes(data)
    with measured_memory() as peak:
        with pytest.raises(PreprocessError, match="far more than its size"):
            read_images(data)
        assert study_uid_of(tmp_path / "bomb") == ""
        assert peak() < 200 << 20
