"""NIfTI files that are no cine, damaged, or far larger than they look: refused before memory is taken."""

from __future__ import annotations

import gzip
import struct
import zlib
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from preprocess.errors import PreprocessError
from preprocess.sources.nifti.volume import read_stack
from tests.support.memory import measured_memory
from tests.support.nifti import AFFINES, VOLUME_SHAPE, coded_volume, nifti_bytes, unzipped

RGB = np.zeros(VOLUME_SHAPE, dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
SHEARED = AFFINES[0] @ np.array([[1, 0.5, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not a NIfTI-1 file"),
        (b"\x1f\x8b", "damaged NIfTI"),
        (b"\x1f\x8b" + b"x" * 400, "damaged NIfTI"),
        (b"x" * 1000, "not a NIfTI-1 file"),
        (nib.Nifti2Image(coded_volume(), AFFINES[0]).to_bytes(), "not a NIfTI-1 file"),
        (unzipped()[:-1], "truncated"),
        (unzipped()[:352], "truncated"),
        (gzip.compress(unzipped())[:-20], "damaged NIfTI"),
        (gzip.compress(unzipped()[:-1]), "truncated"),
        (gzip.compress(unzipped())[:-8] + b"\0" * 8, "damaged NIfTI"),  # wrong checksum
        (nifti_bytes(coded_volume()[..., 0], AFFINES[0]), "no cine: 1 frames"),
        (nifti_bytes(coded_volume()[..., :9], AFFINES[0]), "no cine: 9 frames"),
        (nifti_bytes(np.zeros((7, 6, 5, 12, 3), np.int16), AFFINES[0]), "no series of volumes"),
        (nifti_bytes(coded_volume()[..., 0, 0], AFFINES[0]), "no series of volumes"),
        (nifti_bytes(RGB, AFFINES[0]), "colours"),
        (nifti_bytes(coded_volume(np.complex64), AFFINES[0]), "complex"),
        (unzipped(srow_x=np.nan), "without geometry"),
        (unzipped(srow_x=0.0), "without geometry"),
        (nifti_bytes(coded_volume(), SHEARED), "without geometry"),
        (unzipped(dim=[4, 7, 6, -5, 12, 1, 1, 1]), "NIfTI"),
        (unzipped(dim=[9, 7, 6, 5, 12, 1, 1, 1]), "NIfTI"),
        (unzipped(datatype=3), "makes no sense"),
        (nifti_bytes(np.full(VOLUME_SHAPE, np.nan, np.float32), AFFINES[0]), "without a finite value"),
    ],
)
def test_what_is_no_cine_is_refused_with_its_reason(data: bytes, words: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(PreprocessError, match=words):
        read_stack(data, 8)
    assert capfd.readouterr() == ("", "")


def with_shape(*shape: int) -> bytes:
    block = bytearray(unzipped()[:352])
    struct.pack_into("<8h", block, 40, 4, *shape, 1, 1, 1)
    return bytes(block)


def peak_of(data: bytes, words: str) -> int:
    with measured_memory() as peak:
        with pytest.raises(PreprocessError, match=words):
            read_stack(data, 8)
        return peak()


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
        packer.compress(unzipped()) + b"".join(packer.compress(b"\0" * (1 << 20)) for _ in range(300)) + packer.flush()
    )
    with measured_memory() as peak:
        stack = read_stack(bomb, 16)
        assert peak() < 4 << 20
    assert stack.pixels.shape == (5, 12, 6, 7)


def test_mutated_files_are_read_or_refused() -> None:
    rng = np.random.default_rng(7)
    plain, packed = unzipped(), nifti_bytes(coded_volume(), AFFINES[0])
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
