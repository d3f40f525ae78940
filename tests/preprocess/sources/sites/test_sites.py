"""Identity from file names: exactly the public data sets, never a hospital's own paths."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import PurePath, PureWindowsPath

import pytest

from preprocess.errors import PreprocessError
from preprocess.sources.sites import Identity, identify
from preprocess.sources.sites.ukbiobank import FIELDS, is_manifest, missing_files

EID = "1234567"


@pytest.mark.parametrize("field", range(20207, 20215))
def test_archives_of_one_uk_biobank_visit_are_one_study(field: int) -> None:
    expected = Identity(EID, f"{EID}_2", "ukbiobank")
    for name in (f"{EID}_{field}_2_0.zip", f"/data/bulk/{EID}_{field}_2_0.ZIP", f"x/{EID}_{field}_2_1.zip/a/1.2.3.dcm"):
        assert identify(PurePath(name)) == expected
    assert field in FIELDS
    other = identify(PurePath(f"{EID}_{field}_3_0.zip"))
    assert other is not None and other.study != expected.study and other.patient == expected.patient


@pytest.mark.parametrize("number", [1, 500, 501, 700, 701, 1140])
@pytest.mark.parametrize("series", ["2ch_21", "4ch_9", "sax_5", "sax_57/IM-4562-0001.dcm"])
def test_folders_of_the_data_science_bowl(number: int, series: str) -> None:
    name = f"kaggle_{number}"
    for parent in ("", "train/train/", "/data/dsb/validate/", "/data/test.zip/test/"):
        assert identify(PurePath(f"{parent}{number}/study/{series}")) == Identity(name, name, "kaggle")


def test_no_two_patients_of_the_data_science_bowl_share_a_name() -> None:
    found = {identify(PurePath(f"{number}/study/sax_1")) for number in range(1, 1141)}
    assert len(found) == 1140 and None not in found


@pytest.mark.parametrize("name", ["patient007_4d.nii.gz", "patient150_4d.nii", "/a/b.zip/testing/patient101_4d.nii.gz"])
def test_volumes_of_acdc(name: str) -> None:
    patient = PurePath(name).name[:10]
    assert identify(PurePath(name)) == Identity(patient, patient, "acdc")


def test_separators_of_windows_do_not_hide_the_layout() -> None:
    found = identify(PureWindowsPath(r"D:\dsb\train\12\study\sax_3\IM-1.dcm"))
    assert found == identify(PurePath("12/study/sax_3")) is not None
    assert identify(PurePath("train.zip", "train\\12\\study\\sax_3\\IM-1.dcm")) == found


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "/",
        # other numbers, fields and endings than UK Biobank's
        "123456_20208_2_0.zip",
        "12345678_20208_2_0.zip",
        "0123456_20208_2_0.zip",
        "1234567_20206_2_0.zip",
        "1234567_20215_2_0.zip",
        "1234567_20208_2.zip",
        "1234567_20208_2_0.tgz",
        "1234567_20208_2_0.zip.part",
        "x1234567_20208_2_0.zip",
        "1234567_20208_2_0",
        "1234567-20208-2-0.zip",
        "１２３４５６７_20208_2_0.zip",
        # a hospital's folders
        "/pacs/2020/06/01/1234567/ACC20208.zip",
        "/archive/123/study/series_1/IM0001",
        "/archive/123/study/sax/IM0001",
        "/archive/123/study/sax_1/frames/IM0001",
        "/archive/123/Study/sax_1/IM0001",
        "/archive/MRN0012/study/sax_1/IM0001",
        "/archive/0012/study/sax_1/IM0001",
        "/archive/0/study/sax_1",
        "/archive/1141/study/sax_1",
        "/archive/20408/study/sax_1/IM0001.dcm",
        "/archive/12/study/3ch_1/IM0001",
        "/archive/12/studies/sax_1/IM0001",
        "/study/sax_1/IM0001",
        "/archive/12/study/sax_1.tgz",
        "/archive/12/study",
        "DOE_JANE_19650101/CINE_SAX/IM-0001-0001.dcm",
        "/data/patient007/SAX/IM0001",
        # what lies beside ACDC's volumes, and what only resembles them
        "patient007_frame01.nii.gz",
        "patient007_frame01_gt.nii.gz",
        "patient007_4d_gt.nii.gz",
        "patient07_4d.nii.gz",
        "patient0070_4d.nii.gz",
        "mypatient007_4d.nii.gz",
        "Patient007_4d.nii.gz",
        "patient007_4d.nii.gz/IM0001",
        "patient007_4d.mha",
    ],
)
def test_other_paths_are_nobodys(name: str) -> None:
    assert identify(PurePath(name)) is None


def test_recognising_a_layout_loads_neither_tables_nor_tokenizers() -> None:
    """Every worker asks for the identity of every path."""
    code = "import sys, preprocess.sources.sites\n"
    code += "print(*sorted({'nibabel', 'pandas', 'tokenizers', 'torch'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []


HEADER = "filename,patientid,patientname,studyid,series discription,date,seriesid,instance"
NAMES = [f"1.3.12.2.1107.5.2.18.{number}.dcm" for number in range(6)]


def manifest(date: str, names: list[str] = NAMES, header: str = HEADER) -> bytes:
    rows = [f"{name},P1,Doe^Jane,S1,CINE_segmented_SAX_b{index},{date},7,1" for index, name in enumerate(names)]
    return "\r\n".join([header, *rows, ""]).encode()


GOOD, QUOTED, DEFECT = "2017-08-21", '"Aug 21, 2017 11:23:43 AM"', "Aug 21, 2017 11:23:43 AM"


@pytest.mark.parametrize("date", [GOOD, QUOTED, DEFECT])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_files_absent_from_a_uk_biobank_archive_are_found(date: str, mark: bytes) -> None:
    table = mark + manifest(date)
    assert missing_files(table, NAMES) == []
    assert missing_files(table, [f"folder/{name}" for name in NAMES]) == []
    assert missing_files(table, [*NAMES[:2], *NAMES[3:5], "more.dcm"]) == [NAMES[2], NAMES[5]]
    assert missing_files(table, []) == NAMES


@pytest.mark.parametrize("date", [GOOD, QUOTED, DEFECT])
def test_the_file_column_may_stand_behind_the_date(date: str) -> None:
    rows = [f"P1,{date},{name},x" for name in NAMES]
    table = "\n".join(["patientid, Date ,Filename,other", *rows]).encode()
    assert missing_files(table, NAMES[:-1]) == NAMES[-1:]


def test_names_listed_twice_count_once_and_blank_rows_do_not_count() -> None:
    table = manifest(DEFECT, [NAMES[0], NAMES[0], "", NAMES[1]]) + b"\r\n\r\nalone.dcm\r\n"
    assert missing_files(table, [NAMES[1]]) == [NAMES[0], "alone.dcm"]


def test_a_manifest_survives_its_archive() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("manifest.cvs", manifest(DEFECT))
        for name in NAMES[1:]:
            archive.writestr(name, b"")
    with zipfile.ZipFile(buffer) as archive:
        (table,) = (name for name in archive.namelist() if is_manifest(name))
        assert missing_files(archive.read(table), archive.namelist()) == NAMES[:1]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (b"", "no column filename"),
        (b"name,date\r\na.dcm,x\r\n", "no column filename"),
        (b"\x00\xff" * 50, "UK Biobank manifest"),
        (b"filename\n" + b"a" * 200_000, "not a CSV table"),
        (b"filename\n" + b"a\n" * (9 << 20), "too large"),
    ],
)
def test_other_tables_are_refused_without_quoting_them(table: bytes, words: str) -> None:
    with pytest.raises(PreprocessError, match=words) as raised:
        missing_files(table, [])
    assert len(str(raised.value)) < 80


def test_random_bytes_never_crash_the_manifest_reader() -> None:
    import numpy as np

    rng = np.random.default_rng(4)
    good = np.frombuffer(manifest(DEFECT), np.uint8)
    for _ in range(300):
        table = good.copy()
        table[rng.integers(len(table), size=4)] = rng.integers(256, size=4)
        try:
            assert len(missing_files(table.tobytes(), [])) <= len(NAMES) + 4
        except PreprocessError as error:
            assert "manifest" in error.problem


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("manifest.csv", True),
        ("manifest.cvs", True),
        ("a/b/MANIFEST.CSV", True),
        ("manifest2.csv", False),
        ("manifest.csv.bak", False),
        ("my_manifest.csv", False),
        ("", False),
    ],
)
def test_names_of_manifests(name: str, expected: bool) -> None:
    assert is_manifest(name) is expected
