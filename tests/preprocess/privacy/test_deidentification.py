"""Nothing that identifies a person may reach an output byte, a file name or a stream."""

from __future__ import annotations

import copy
import logging
import math
import struct
import warnings
from functools import cache
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from pydicom._dicom_dict import DicomDictionary
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from preprocess.cines.facts import study_info
from preprocess.cli import main
from preprocess.dicom.elements import quiet_pydicom
from preprocess.dicom.reading import read_images
from preprocess.errors import PreprocessError
from preprocess.store.manifest import read_manifest
from tests.support.factories import SAX, SeriesSpec, dataset, datasets, encode, write_folder, write_tgz, write_zip
from tests.support.paths import SHARED

SECRET = "Zaphod"
UID = "1.2.826.0.4242"
DAY = "19571112"
REAL = SHARED / "real" / "rvsc_p09"


def everything(folder: Path) -> dict[str, bytes]:
    """Every output byte: names, raw files, and what lies compressed or encoded in HDF5 and Parquet."""
    found = {}
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        found[f"name {name}"] = name.encode()
        if path.is_file():
            found[name] = path.read_bytes()
        if path.suffix == ".h5":
            with h5py.File(path) as file:
                parts = [repr(dict(file.attrs))]
                for key in file:
                    parts.append(repr((key, file[key].dtype)))
                    parts += [f"{one} {np.asarray(value).tolist()}" for one, value in file[key].attrs.items()]
                    found[f"{name} {key} decoded"] = file[key][()].tobytes()
                found[f"{name} decoded"] = "\n".join(parts).encode()
        if path.suffix == ".parquet":
            found[f"{name} decoded"] = pd.read_parquet(path).to_csv().encode()
    return found


def assert_absent(secrets: tuple[str, ...], found: dict[str, bytes]) -> None:
    assert any("decoded" in name for name in found)
    for name, data in found.items():
        for secret in secrets:
            for coded in (secret.encode(), secret.lower().encode(), secret.encode("utf-16-le")):
                assert coded not in data, f"{secret!r} in {name}"


# A text of each value representation that holds text; where its form is fixed, one that obeys it and is found nowhere
# else. UI is a root of its own.
SECRETS = {
    "AE": SECRET, "AS": "987Y", "CS": SECRET.upper(), "DA": DAY, "DS": "-41424.344", "DT": "19571112131415.161718",
    "IS": "41424344", "LO": SECRET, "LT": SECRET, "PN": f"{SECRET}^{SECRET}", "SH": SECRET, "ST": SECRET,
    "TM": "131415.161718", "UC": SECRET, "UI": f"{UID}.7", "UN": SECRET.encode(), "UR": f"http://{SECRET}.org/{SECRET}",
    "UT": SECRET,
}  # fmt: skip
# Long enough to occur in no hash by chance.
ALL_SECRETS = (SECRET, SECRET.upper(), UID, DAY, "MRN0001", "987Y", "41424.344", "41424344", "131415.161718")
# Elements that carry the image itself, and the keys of the study, are planted one by one below.
_NOT_PLANTED = {
    "SpecificCharacterSet", "SOPClassUID", "SOPInstanceUID", "ImageType", "PhotometricInterpretation", "PatientAge",
    "PatientSex", "PixelSpacing", "ImagePositionPatient", "ImageOrientationPatient", "TriggerTime", "SliceThickness",
    "CardiacNumberOfImages", "NumberOfFrames", "InstanceNumber", "AcquisitionNumber", "RescaleSlope",
    "RescaleIntercept", "RescaleType", "TemporalPositionIdentifier", "NominalInterval", "BurnedInAnnotation",
    "PhaseContrast", "ComplexImageComponent", "SeriesInstanceUID",
}  # fmt: skip


@cache
def text_elements() -> Dataset:
    """A secret in every text element of the dictionary that a data set may have."""
    ds = Dataset()
    for tag, (kind, _, _, is_retired, keyword) in DicomDictionary.items():
        is_plain = tag >> 16 not in (0, 2, 0x7FE0) and keyword and keyword not in _NOT_PLANTED
        if is_plain and not is_retired and kind in SECRETS:
            ds.add_new(tag, kind, SECRETS[kind])
    return ds


def planted(spec: SeriesSpec, slice_index: int, frame: int) -> Dataset:
    """A file with a secret in every text element, in private ones of every text VR, and in nested sequences."""
    ds = dataset(spec, slice_index, frame)
    ds.update(text_elements())
    ds.SOPInstanceUID = f"{UID}.{slice_index}.{frame}"
    ds.SeriesInstanceUID = f"{UID}.1"
    ds.file_meta.SourceApplicationEntityTitle = SECRET
    ds.file_meta.ImplementationVersionName = SECRET
    ds.file_meta.PrivateInformationCreatorUID, ds.file_meta.PrivateInformation = f"{UID}.9", SECRET.encode()
    ds.PatientAge = "061Y"
    block = ds.private_block(0x0019, SECRET, create=True)
    for number, (kind, value) in enumerate(SECRETS.items()):
        block.add_new(number, kind, value)
    inner, outer = Dataset(), Dataset()
    for item in (inner, outer):
        for kind, value in SECRETS.items():
            item.add_new(next(one.tag for one in text_elements() if kind == one.VR or kind == "UN"), kind, value)
    outer.ReferencedStudySequence = Sequence([inner])
    block.add_new(0x80, "SQ", Sequence([outer]))
    ds.RequestAttributesSequence = Sequence([outer])
    ds.ReferencedImageSequence = Sequence([outer])
    return ds


def damaged(data: bytes, rng: np.random.Generator) -> list[bytes]:
    """Broken in ways whose error messages quote what was read."""
    position = encode(dataset(SeriesSpec(), 0, 0)).index(struct.pack("<HH", 0x0020, 0x0032))
    quoting = [
        data.replace(b"\x20\x00\x32\x00DS", b"\x20\x00\x32\x00" + kind, 1) for kind in (b"IS", b"FD", b"US", b"XX")
    ]
    flipped = []
    for _ in range(20):
        one = bytearray(data)
        for _ in range(10):
            one[int(rng.integers(132, len(one)))] ^= 1 << int(rng.integers(8))
        flipped.append(bytes(one))
    return [data[: len(data) // 2], data[: position + 10], *quoting, *flipped]


def write_planted(folder: Path) -> Path:
    spec = SeriesSpec(n_slices=2, orientation=SAX)
    content = {
        f"{SECRET}/{SECRET}_{one}_{frame}.dcm": encode(planted(spec, one, frame))
        for one in range(2)
        for frame in range(spec.n_frames)
    }
    rng = np.random.default_rng(0)
    wrong = planted(spec, 0, 0)
    for keyword in ("ImagePositionPatient", "PixelSpacing", "InstanceNumber", "TriggerTime", "SliceThickness"):
        one = copy.copy(wrong)
        one.SOPInstanceUID = f"{UID}.5.{len(keyword)}"
        one[keyword] = RawDataElement(
            one[keyword].tag, one[keyword].VR, 8, (SECRET + " x")[:8].encode(), 0, False, True
        )
        content[f"{SECRET}/wrong_{keyword}"] = encode(one)
    for number, data in enumerate(damaged(encode(wrong), rng)):
        content[f"{SECRET}/broken_{SECRET}_{number}"] = data
    content[f"{SECRET}/text_{SECRET}"] = SECRET.encode() * 50
    write_folder(folder / "plain", content)
    write_zip(folder / f"{SECRET}.zip", {name: data for name, data in content.items() if "broken" in name})
    write_tgz(folder / f"{SECRET}_2.tgz", {f"../{SECRET}": b"x", **{f"/{SECRET}": b"y"}})
    (folder / f"{SECRET}.tgz").write_bytes(SECRET.encode() * 20)
    return folder


def test_the_planted_file_holds_every_text_vr_in_every_place() -> None:
    with quiet_pydicom():
        ds = planted(SeriesSpec(), 0, 0)
    kinds = {element.VR for element in ds}
    assert kinds >= set(SECRETS) - {"UN"}
    private = {element.VR for element in ds if element.tag.is_private}
    assert private >= set(SECRETS)
    assert {element.VR for element in ds.RequestAttributesSequence[0]} >= set(SECRETS) - {"UN", "AE"}
    assert len(text_elements()) > 1000


@pytest.fixture(scope="module")
def planted_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with quiet_pydicom():
        return write_planted(tmp_path_factory.mktemp(SECRET) / SECRET)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_planted_identifiers_occur_nowhere(
    planted_source: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    recwarn: pytest.WarningsRecorder,
    workers: str,
) -> None:
    source, out = planted_source, tmp_path / "store"
    caplog.clear()
    recwarn.clear()
    capfd.readouterr()
    with caplog.at_level(logging.DEBUG):
        for name in list(logging.root.manager.loggerDict):
            caplog.set_level(logging.DEBUG, logger=name)
        assert main(["convert", "--input", str(source), "--out", str(out), "--workers", workers]) == 0
    captured = capfd.readouterr()
    warned = "\n".join(str(one.message) for one in recwarn.list)
    streams = captured.out + captured.err + caplog.text + warned
    assert "left out" in streams
    found = everything(out) | {"streams": streams.replace(str(tmp_path), "").encode()}
    assert_absent(ALL_SECRETS, found)
    table = read_manifest(out)
    assert table["vendor"].tolist() == ["other", "other"]
    assert table["model"].tolist() == ["", ""]
    assert table["age_years"].tolist() == [61.0, 61.0]


@pytest.mark.parametrize("keyword", ["RescaleSlope", "Rows", "SOPClassUID", "PixelSpacing", "PixelData"])
def test_no_error_of_a_damaged_file_quotes_it(keyword: str) -> None:
    ds = dataset(SeriesSpec(), 0, 0)
    kind = ds[keyword].VR if keyword in ds else "DS"
    ds.SeriesDescription = SECRET
    ds[keyword] = RawDataElement(tag_for_keyword(keyword), kind, 6, SECRET.encode(), 0, False, True)  # type: ignore[arg-type]
    with quiet_pydicom():
        data = encode(ds)
        try:
            images = read_images(data)
        except PreprocessError as error:
            assert SECRET not in str(error)
            assert SECRET not in error.problem + error.remedy
        else:
            assert keyword == "RescaleSlope"
            assert images[0].pixels.slope == 1.0


def test_pydicom_is_silenced(caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder) -> None:
    with quiet_pydicom():
        logging.getLogger("pydicom.valuerep").error(SECRET)
        warnings.warn(SECRET, stacklevel=1)
    assert SECRET not in caplog.text
    assert not recwarn.list
    logging.getLogger("pydicom.valuerep").error("heard again")
    assert "heard again" in caplog.text


def test_a_crash_names_no_identifier(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import preprocess.conversion.dicom_study as study_module

    def crash(*_: object) -> None:
        raise LookupError(SECRET)

    monkeypatch.setattr(study_module, "split_series", crash)
    content = {f"{i}": encode(ds) for i, ds in enumerate(datasets(SeriesSpec(n_slices=1)))}
    source = write_zip(tmp_path / "in" / f"{SECRET}.zip", content)
    assert main(["convert", "--input", str(source), "--out", str(tmp_path / "store"), "--workers", "0"]) == 1
    captured = capfd.readouterr()
    assert "internal error (LookupError)" in captured.out
    assert SECRET not in captured.out + captured.err
    assert SECRET not in (tmp_path / "store" / "ledger.csv").read_text()


def test_the_crosswalk_leads_back_and_is_private(tmp_path: Path) -> None:
    content = {f"{i}": encode(ds) for i, ds in enumerate(datasets(SeriesSpec(n_slices=1)))}
    source = write_zip(tmp_path / "in" / "a.zip", content)
    crosswalk, out = tmp_path / "site" / "crosswalk.csv", tmp_path / "store"
    arguments = [
        "convert",
        "--input",
        str(source),
        "--out",
        str(out),
        "--workers",
        "1",
        "--crosswalk",
        str(crosswalk),
    ]
    assert main(arguments) == 0
    assert crosswalk.stat().st_mode & 0o777 == 0o600
    assert main(arguments) == 0
    assert crosswalk.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "store.private" / "site.key").stat().st_mode & 0o777 == 0o600
    table = pd.read_csv(crosswalk, dtype=str)
    manifest = read_manifest(out)
    found = {kind: (group["hash"].item(), group["identifier"].item()) for kind, group in table.groupby("kind")}
    assert found["patient"] == (manifest["patient"][0], "MRN0001")
    assert found["study"] == (manifest["study"][0], "ACC77")
    assert found["source"][1] == str(source)
    assert_absent(("MRN0001", "ACC77", "a.zip"), everything(out))


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


@pytest.mark.skipif(not REAL.is_dir(), reason="../shared/real/rvsc_p09 (a real cine) is not on this machine")
def test_the_real_cine(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from preprocess.store.study_file import read_study, studies_in
    from preprocess.store.views import View

    out = tmp_path / "store"
    assert main(["convert", "--input", str(REAL), "--out", str(out), "--workers", "1"]) == 0
    (keys,) = studies_in(out)
    study = read_study(out, *keys)
    stack = study.views[View.SAX]
    assert list(study.views) == [View.SAX]
    assert stack.pixels.shape == (1, 20, 256, 216)
    assert (stack.trigger_time[0, 1:] > stack.trigger_time[0, :-1]).all()
    ledger = pd.read_csv(out / "ledger.csv")
    positions = ledger[ledger["position_mm"].notna()]
    assert positions["reason"].tolist() == ["incomplete slice: 2 of 20 frames"] * 2
    captured = capfd.readouterr()
    secrets = (
        "59^CR",
        "AW897931135",
        "Rouen",
        "PROT VD FEVD",
        "20090309",
        "1.3.12.2.1107",
        "1.2.840.113619",
        "P09",
    )
    assert_absent(secrets, everything(out) | {"streams": (captured.out + captured.err).encode()})
