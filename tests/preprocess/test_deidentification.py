"""Nothing that identifies a person may reach an output byte, a file name or a stream."""

from __future__ import annotations

import logging
import warnings
from functools import cache
from pathlib import Path

import h5py
import pandas as pd
import pytest
from factories import SAX, SeriesSpec, dataset, datasets, encode, write_folder, write_zip
from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from preprocess.cli import main
from preprocess.dicom import read_images
from preprocess.elements import quiet_pydicom
from preprocess.manifest import read_manifest
from preprocess.study_info import study_info

SECRET = "Zaphod"
UID = "1.2.826.0.4242"
DAY = "19571112"
REAL = Path(__file__).parents[3] / "shared" / "real" / "rvsc_p09"
_TEXT_VRS = ("AE", "LO", "LT", "PN", "SH", "ST", "UC", "UT", "CS")
_KEEP = {"SpecificCharacterSet", "ImageType", "PhotometricInterpretation", "Modality", "PatientSex"}


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
                parts += [repr((key, dict(file[key].attrs), file[key].dtype)) for key in file]
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


@cache
def text_elements() -> Dataset:
    """The secret in every text element of the groups that a classic MR image uses."""
    ds = Dataset()
    for group in (0x0008, 0x0010, 0x0018, 0x0020, 0x0032, 0x0040):
        for tag in range((group << 16) + 1, (group << 16) + 0x2000):
            keyword = keyword_for_tag(tag)
            if keyword and keyword not in _KEEP and dictionary_VR(tag) in _TEXT_VRS:
                setattr(ds, keyword, SECRET)
    return ds


def planted(spec: SeriesSpec, slice_index: int, frame: int) -> Dataset:
    """A file with the secret in every text element that a classic MR image may have, and in private ones."""
    ds = dataset(spec, slice_index, frame)
    ds.SOPInstanceUID = f"{UID}.{slice_index}.{frame}"
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.FrameOfReferenceUID = UID, f"{UID}.1", f"{UID}.2"
    ds.update(text_elements())
    for keyword in ("StudyDate", "AcquisitionDate", "PatientBirthDate", "SeriesDate", "ContentDate"):
        setattr(ds, keyword, DAY)
    ds.PatientAge = "061Y"
    block = ds.private_block(0x0019, SECRET, create=True)
    block.add_new(0x01, "LO", SECRET)
    item = Dataset()
    item.PatientName = SECRET
    ds.RequestAttributesSequence = Sequence([item])
    return ds


def write_planted(folder: Path) -> Path:
    spec = SeriesSpec(n_slices=2, orientation=SAX)
    content = {
        f"{SECRET}/{SECRET}_{one}_{frame}.dcm": encode(planted(spec, one, frame))
        for one in range(2)
        for frame in range(spec.n_frames)
    }
    broken = encode(planted(spec, 0, 0))
    content[f"{SECRET}/broken_{SECRET}"] = broken[: len(broken) // 2]
    content[f"{SECRET}/text_{SECRET}"] = SECRET.encode() * 50
    write_folder(folder / "plain", content)
    write_zip(folder / f"{SECRET}.zip", {name: data for name, data in content.items() if "broken" in name})
    (folder / f"{SECRET}.tgz").write_bytes(SECRET.encode() * 20)
    return folder


@pytest.mark.parametrize("workers", ["1", "2"])
def test_planted_identifiers_occur_nowhere(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, workers: str
) -> None:
    with quiet_pydicom():
        source = write_planted(tmp_path / SECRET)
    out = tmp_path / "store"
    caplog.clear()
    capfd.readouterr()
    with caplog.at_level(logging.DEBUG):
        assert main(["convert", "--input", str(source), "--out", str(out), "--workers", workers]) == 0
    captured = capfd.readouterr()
    streams = captured.out + captured.err + caplog.text
    assert "left out" in streams
    found = everything(out) | {"streams": streams.replace(str(tmp_path), "").encode()}
    assert_absent((SECRET, UID, DAY, "MRN0001"), found)
    table = read_manifest(out)
    assert table["vendor"].tolist() == ["other", "other"]
    assert table["model"].tolist() == ["", ""]
    assert table["age_years"].tolist() == [61.0, 61.0]


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
    import preprocess.study as study_module

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
        ({"PatientAge": "089Y"}, 89.0),
        ({"PatientAge": "018M"}, 1.0),
        ({"PatientAge": "", "PatientBirthDate": "19800602", "StudyDate": "20200601"}, 39.0),
        ({"PatientAge": "", "PatientBirthDate": "19200101", "StudyDate": "20200601"}, 90.0),
    ],
)
def test_ages(tags: dict[str, str], expected: float) -> None:
    assert study_info(read_images(encode(dataset(SeriesSpec(tags=tags), 0, 0)))).age == expected


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
    from preprocess.store import read_study, studies_in
    from preprocess.views import View

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
