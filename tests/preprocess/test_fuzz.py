"""Seeded mutations of valid files: no crash, and every file is accounted for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from factories import SeriesSpec, dataset, datasets, encode, write_zip
from test_pixels import enhanced

from preprocess.deid import SiteKey
from preprocess.pipeline import process_source
from preprocess.sources import Source
from preprocess.study import Job

SPEC = SeriesSpec(n_slices=1, size=(64, 48))


def originals() -> list[bytes]:
    """One frame as plain, RLE and JPEG 2000 file, and an Enhanced file."""
    coded = []
    for syntax in (pydicom.uid.RLELossless, pydicom.uid.JPEG2000Lossless):
        ds = dataset(SPEC, 0, 3)
        ds.compress(syntax, generate_instance_uid=False)
        coded.append(encode(ds))
    return [encode(dataset(SPEC, 0, 3)), *coded, enhanced()[0]]


def mutate(data: bytes, rng: np.random.Generator) -> bytes:
    """Flip bits, cut off, overwrite or remove bytes; mostly in the header, where lengths are."""
    out = bytearray(data)
    top = min(len(out), 1800) if rng.random() < 0.7 else len(out)
    place = int(rng.integers(132, top - 20))
    match int(rng.integers(4)):
        case 0:
            for _ in range(int(rng.integers(1, 20))):
                out[int(rng.integers(top))] ^= 1 << int(rng.integers(8))
        case 1:
            del out[place:]
        case 2:
            out[place : place + 4] = rng.bytes(4)
        case _:
            del out[place : place + int(rng.integers(1, 20))]
    return bytes(out)


@pytest.mark.parametrize("seed", range(4))
def test_mutated_files_neither_crash_nor_vanish(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    good = [encode(ds) for ds in datasets(SPEC)]
    broken = [mutate(data, rng) for data in originals() for _ in range(15)]
    source = write_zip(tmp_path / "a.zip", {str(number): data for number, data in enumerate(good + broken)})
    record = process_source(Source((source,)), Job(tmp_path / "store", SiteKey(bytes(16))))
    counted = sum(row.n_files for row in record.rows if row.position_mm is None)
    assert counted >= len(good) + len(broken)
    assert all(row.reason for row in record.rows)
