"""Ages are coarse, vendors and models come from closed vocabularies, age and sex can be left out."""

from __future__ import annotations

import math

import pytest

from preprocess.cines.facts import study_info
from preprocess.dicom.elements import quiet_pydicom
from preprocess.dicom.reading import read_images
from tests.support.factories import SeriesSpec, dataset, encode


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"PatientAge": "095Y"}, 90.0),
        ({"PatientAge": "090Y"}, 90.0),
        ({"PatientAge": "089Y"}, 89.0),
        ({"PatientAge": "89Y"}, 89.0),
        ({"PatientAge": "1080M"}, 90.0),
        ({"PatientAge": "1079M"}, 89.0),
        ({"PatientAge": "018M"}, 1.0),
        ({"PatientAge": "300D"}, 0.0),
        ({"PatientAge": "99999Y"}, 90.0),
        ({"PatientAge": "Zaphod"}, 55.0),
        ({"PatientAge": "", "PatientBirthDate": "19800602", "StudyDate": "20200601"}, 39.0),
        ({"PatientAge": "", "PatientBirthDate": "19800601", "StudyDate": "20200601"}, 40.0),
        ({"PatientAge": "", "PatientBirthDate": "19300602", "StudyDate": "20200601"}, 89.0),
        ({"PatientAge": "", "PatientBirthDate": "19300601", "StudyDate": "20200601"}, 90.0),
        ({"PatientAge": "", "PatientBirthDate": "19200101", "StudyDate": "20200601"}, 90.0),
        ({"PatientAge": "", "PatientBirthDate": "20210101", "StudyDate": "20200601"}, math.nan),
        ({"PatientAge": "", "PatientBirthDate": ""}, math.nan),
    ],
)
def test_ages(tags: dict[str, str], expected: float) -> None:
    with quiet_pydicom():
        info = study_info(read_images(encode(dataset(SeriesSpec(tags=tags), 0, 0))))
    assert info.age == pytest.approx(expected, nan_ok=True)


def test_age_and_sex_can_be_left_out() -> None:
    images = read_images(encode(dataset(SeriesSpec(), 0, 0)))
    kept, bare = study_info(images), study_info(images, keep_age_sex=False)
    assert (kept.sex, kept.age) == ("F", 55.0)
    assert bare.sex == ""
    assert math.isnan(bare.age)
    assert (bare.vendor, bare.model, bare.field_strength) == (kept.vendor, kept.model, kept.field_strength)


@pytest.mark.parametrize(
    ("vendor", "model", "expected"),
    [
        ("Siemens Healthineers", "MAGNETOM Vida", ("SIEMENS", "MAGNETOM Vida")),
        ("GE MEDICAL SYSTEMS", "Optima MR450w", ("GE", "")),
        ("GE MEDICAL SYSTEMS", "SIGNA Artist", ("GE", "SIGNA Artist")),
        ("Philips Medical Systems", "Ingenia", ("Philips", "Ingenia")),
        ("TOSHIBA_MEC", "Zaphod Beeblebrox", ("other", "")),
        ("UIH", "uMR 780", ("UIH", "uMR 780")),
    ],
)
def test_vendor_and_model_are_closed_vocabularies(vendor: str, model: str, expected: tuple[str, str]) -> None:
    tags = {"Manufacturer": vendor, "ManufacturerModelName": model, "PatientSex": "Zaphod"}
    with quiet_pydicom():
        info = study_info(read_images(encode(dataset(SeriesSpec(tags=tags), 0, 0))))
    assert (info.vendor, info.model) == expected
    assert info.sex == ""
