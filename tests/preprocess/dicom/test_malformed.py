"""Elements that state another type than the standard's: the file is damaged, and no other error is raised."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from preprocess.dicom.elements import quiet_pydicom, study_uid_of
from preprocess.dicom.malformed import reading_dicom
from preprocess.dicom.reading import read_images
from preprocess.errors import DamagedFileError, MachineError, PreprocessError
from tests.support.factories import SeriesSpec, dataset, encode

TYPES = b"AE AS AT CS DA DS DT FD FL IS LO LT OB OF OW PN SH SL SQ SS ST TM UC UI UL UN US UT OV SV".split()
CLASSIC = encode(dataset(SeriesSpec(n_slices=1, size=(16, 16)), 0, 0))


def with_other_types(data: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(data)
    places = [match.start() for match in re.finditer(rb"[A-Z]{2}", data[132:4000])]
    for place in rng.choice(places, int(rng.integers(1, 4))).tolist():
        changed[132 + place : 134 + place] = TYPES[int(rng.integers(len(TYPES)))]
    return bytes(changed)


@pytest.mark.parametrize("n", [1500, pytest.param(40_000, marks=pytest.mark.slow)])
def test_files_with_other_types_are_read_or_damaged(tmp_path: Path, n: int) -> None:
    rng = np.random.default_rng(n)
    n_damaged = 0
    with quiet_pydicom():
        for number in range(n):
            data = with_other_types(CLASSIC, rng)
            try:
                read_images(data)
            except PreprocessError:
                n_damaged += 1
            if number % 50 == 0:
                (tmp_path / "file.dcm").write_bytes(data)
                study_uid_of(tmp_path / "file.dcm")
    assert 0 < n_damaged < n


@pytest.mark.parametrize("error", [ValueError(), OSError("no preamble"), RecursionError(), NotImplementedError()])
def test_what_pydicom_raises_is_damage(error: Exception) -> None:
    with pytest.raises(DamagedFileError, match="words without identifiers"), reading_dicom("words without identifiers"):
        raise error


@pytest.mark.parametrize("error", [MemoryError(), OSError(28, "No space left on device"), OSError(5, "I/O error")])
def test_what_the_machine_lacks_is_no_damage(error: Exception) -> None:
    with pytest.raises(MachineError), reading_dicom("damaged"):
        raise error


@pytest.mark.parametrize("kind", [TypeError, AttributeError, NameError])
def test_a_mistake_of_ours_is_no_damage(kind: Callable[[], Exception]) -> None:
    with pytest.raises(kind), reading_dicom("damaged"):  # type: ignore[call-overload]
        raise kind()
