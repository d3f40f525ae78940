"""Seeded mutations of valid files, in archives: no crash, no hang, bounded memory, and every file is accounted for."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest

from tests.support.codings import CODINGS
from tests.support.enhanced import enhanced
from tests.support.factories import SeriesSpec, dataset, encode, write_tgz, write_zip
from tests.support.paths import ROOT

SPEC = SeriesSpec(n_slices=1, size=(64, 48))
N_SMALL, N_LARGE = 160, 2000
LARGEST_MB = 600  # resident, with pydicom, h5py and pandas loaded: some 200 MB

# Runs in a process of its own, whose memory can be measured and whose death would be seen.
CONVERT = """
import json, sys
from pathlib import Path
from preprocess.privacy.keys import SiteKey
from preprocess.conversion.job import Job
from preprocess.store.ledger import read_records
from preprocess.conversion.dicom_run import convert
store = Path(sys.argv[1])
convert([Path(given) for given in sys.argv[2:]], Job(store, SiteKey(bytes(16)), timeout_s=30), workers=0)
rows = [vars(row) for record in read_records(store) for row in record.rows]
peak = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024  # not the parent's
print(json.dumps({"rows": rows, "peak": peak}))
"""


CODED = (encode, *(CODINGS[name] for name in ("RLE", "JPEG 2000", "JPEG-LS", "JPEG lossless SV1")))


def study(number: int, n_slices: int, rng: np.random.Generator) -> list[bytes]:
    """The files of a study: in each slice two frames are mutated, so that many slices remain to be decoded."""
    tags = {"PatientID": f"P{number}", "AccessionNumber": f"A{number}"}
    spec = replace(SPEC, n_slices=n_slices, tags=tags)
    content: list[bytes] = []
    for index in range(n_slices):
        broken = rng.choice(spec.n_frames, 2, replace=False)
        for frame in range(spec.n_frames):
            data = CODED[index % len(CODED)](dataset(spec, index, frame))
            content.append(mutate(data, rng) if frame in broken else data)
    return content


def flip(data: bytearray, place: int, rng: np.random.Generator) -> None:
    for _ in range(int(rng.integers(1, 20))):
        data[int(rng.integers(place, len(data)))] ^= 1 << int(rng.integers(8))


def flip_one_bit_near(data: bytearray, place: int, rng: np.random.Generator) -> None:
    data[place] ^= 1 << int(rng.integers(8))


def truncate(data: bytearray, place: int, rng: np.random.Generator) -> None:
    del data[place:]


def overwrite(data: bytearray, place: int, rng: np.random.Generator) -> None:
    data[place : place + 4] = rng.bytes(4)


def claim_a_huge_length(data: bytearray, place: int, rng: np.random.Generator) -> None:
    data[place : place + 4] = rng.choice([b"\xff\xff\xff\xff", b"\xfe\xff\xff\x7f", b"\x00\x00\x00\x80"])


def remove(data: bytearray, place: int, rng: np.random.Generator) -> None:
    del data[place : place + int(rng.integers(1, 20))]


def insert(data: bytearray, place: int, rng: np.random.Generator) -> None:
    data[place:place] = rng.bytes(int(rng.integers(1, 20)))


BYTES = (flip, flip_one_bit_near, truncate, overwrite, claim_a_huge_length, remove, insert)
ABSURD = {
    "Rows": [0, 1, 65535],
    "Columns": [0, 1, 65535],
    "NumberOfFrames": ["0", "-1", "1000000000", "2"],
    "BitsAllocated": [0, 1, 7, 32, 64, 65535],
    "BitsStored": [0, 1, 64],
    "SamplesPerPixel": [0, 3, 65535],
    "PixelRepresentation": [2, 65535],
    "PhotometricInterpretation": ["RGB", "YBR_FULL", "PALETTE COLOR", "NONSENSE"],
    "PixelSpacing": [["0", "0"], ["1e-300", "1e300"], ["nan", "nan"], ["-1", "1"]],
    "ImagePositionPatient": [["inf", "0", "0"], ["1e300", "1e300", "1e300"], ["0"]],
    "ImageOrientationPatient": [["0"] * 6, ["1e200"] * 6, ["nan"] * 6, ["1", "0", "0", "1", "0", "0"]],
    "TriggerTime": ["1e308", "-5", "nan"],
    "SliceThickness": ["1e300", "-1", "nan", "0"],
    "InstanceNumber": ["9" * 12, "-7"],
    "CardiacNumberOfImages": ["999999999", "-1"],
    "TemporalPositionIdentifier": ["-3", "99999999999"],
    "RescaleSlope": ["0", "1e300", "nan", "-1"],
    "RescaleIntercept": ["1e300", "inf"],
    "SpecificCharacterSet": ["NO SUCH SET"],
    "PatientID": ["", "\0", "x" * 5000],
    "SOPClassUID": ["1.2.840.10008.5.1.4.1.1.4.1", "1.2.3", ""],
}


def change_a_value(data: bytes, rng: np.random.Generator) -> bytes:
    """Remove an element, or give it an absurd value, in a file that is well formed."""
    with pydicom.config.disable_value_validation():
        ds = pydicom.dcmread(io.BytesIO(data))
        names = [element.keyword for element in ds if element.keyword] if rng.random() < 0.4 else list(ABSURD)
        name = str(rng.choice(names))
        values = ABSURD.get(name, [None])
        value = values[int(rng.integers(len(values)))]
        if value is None:
            delattr(ds, name)
        else:
            element = pydicom.DataElement(name, pydicom.datadict.dictionary_VR(name), value, validation_mode=0)
            ds[name] = element
        return encode(ds)


def mutate(data: bytes, rng: np.random.Generator) -> bytes:
    """One mutation; those of bytes mostly in the header, where lengths are."""
    if rng.random() < 0.35:
        return change_a_value(data, rng)
    out = bytearray(data)
    top = min(len(out), 1800) if rng.random() < 0.7 else len(out)
    change: Callable[[bytearray, int, np.random.Generator], None] = BYTES[int(rng.integers(len(BYTES)))]
    change(out, int(rng.integers(132, top - 20)), rng)
    return bytes(out)


def run(store: Path, *sources: Path) -> tuple[list[dict[str, object]], float]:
    """Convert; the ledger and the peak memory in MB."""
    done = subprocess.run(
        [sys.executable, "-c", CONVERT, str(store), *map(str, sources)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    return report["rows"], report["peak"]


@pytest.mark.parametrize(("seed", "n"), [(0, N_SMALL), pytest.param(1, N_LARGE, marks=pytest.mark.slow, id="many")])
def test_mutated_files_neither_crash_nor_vanish(tmp_path: Path, seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    sources: list[Path] = []
    for number in range(4):
        content = study(number, n // 8, rng)
        write, suffix = ((write_tgz, "tgz"), (write_zip, "zip"))[number % 2]
        sources.append(write(tmp_path / f"{number}.{suffix}", {str(i): data for i, data in enumerate(content)}))
    rows, peak = run(tmp_path / "store", *sources)
    assert sum(int(row["n_files"]) for row in rows if row["position_mm"] is None) == n // 2 * SPEC.n_frames  # type: ignore[call-overload]
    assert all(row["reason"] for row in rows)
    assert not [row for row in rows if "internal error" in str(row["reason"])]
    assert len({row["source"] for row in rows if row["outcome"] == "stored"}) == 4
    assert peak < LARGEST_MB


def test_mutated_enhanced_files_neither_crash_nor_vanish(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    data = enhanced()[0]
    broken = [mutate(data, rng) for _ in range(120)]
    source = write_zip(tmp_path / "a.zip", {str(index): one for index, one in enumerate([data, *broken])})
    rows, peak = run(tmp_path / "store", source)
    assert sum(int(row["n_files"]) for row in rows if row["position_mm"] is None) >= len(broken) + 1  # type: ignore[call-overload]
    assert not [row for row in rows if "internal error" in str(row["reason"])]
    assert peak < LARGEST_MB
