"""Public data sets from their own folders and archives to a store and its labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from preprocess.labels.table import read_labels
from preprocess.privacy.keys import load_key
from preprocess.sources.sites.acdc import SIDE_FILE
from preprocess.sources.sites.ukbiobank import MANIFEST, MISSING
from preprocess.store.study_file import read_study, studies_in
from preprocess.store.views import View
from tests.support.factories import (
    SAX,
    SeriesSpec,
    a_study,
    dataset,
    datasets,
    encode,
    files,
    write_folder,
    write_tgz,
    write_zip,
)
from tests.support.nifti import IN_ORDER
from tests.support.stores import as_stored, base_to_apex, convert, hashes, ledger, only_study, write_labels

EID = "4395042"


def everything_written(store: Path, *more: Path) -> bytes:
    """Names and contents of all outputs."""
    written = [path for path in [*store.rglob("*"), *more] if path.is_file()]
    return b"\n".join(str(path).encode() + b"\n" + path.read_bytes() for path in written)


def uk_biobank(folder: Path, visit: int, missing: tuple[str, ...] = ()) -> dict[str, bytes]:
    """The long-axis and the short-axis archive of a visit; returns the images of both."""
    content = files(*a_study()[1:])
    images = {name.replace("/", "_"): data for name, data in content.items()}
    for field, is_short in ((20208, False), (20209, True)):
        part = {name: data for name, data in images.items() if name.startswith("s3_") is is_short}
        rows = [f"{name},{EID},x,1,CINE,Aug 21, 2017 11:23:43 AM" for name in [*part, *missing]]
        manifest = "\n".join(["filename,patientid,patientname,studyid,series discription,date", *rows])
        write_zip(folder / f"{EID}_{field}_{visit}_0.zip", {**part, "manifest.cvs": manifest.encode()})
    return images


def test_the_archives_of_a_uk_biobank_visit_are_one_study(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    images = uk_biobank(tmp_path / "in", 2, missing=("1.3.12.20170821.dcm",))
    store = convert(tmp_path / "a" / "store", tmp_path / "in")
    whole = convert(tmp_path / "b" / "store", write_tgz(tmp_path / "whole.tgz", images))
    assert list(hashes(store).values()) == list(hashes(whole).values())
    assert set(only_study(store).views) == set(View)
    key = load_key(tmp_path / "a" / "site.key")
    assert list(studies_in(store)) == [(key.patient(EID), key.study(EID, f"{EID}_2"))]
    left_out = ledger(store).query("outcome == 'left_out'").set_index("reason")["n_files"].to_dict()
    assert left_out == {MANIFEST: "2", MISSING: "2"}
    said = "".join(capfd.readouterr()).encode()
    for identifier in (EID.encode(), b"20170821", b"Aug 21", b"MRN0001"):
        assert identifier not in everything_written(store) + said


def test_two_visits_are_two_studies_of_one_participant(tmp_path: Path) -> None:
    uk_biobank(tmp_path / "in", 2)
    uk_biobank(tmp_path / "in", 3)
    found = list(studies_in(convert(tmp_path / "store", tmp_path / "in")))
    assert len(found) == 2 and len({patient for patient, _ in found}) == 1


def data_science_bowl(folder: Path, number: int, level: int) -> SeriesSpec:
    """A patient whose headers name somebody else, as those of all patients here do."""
    sax = SeriesSpec(level=level)
    write_folder(
        folder / f"{number}/study/2ch_21", {f"IM-{i}.dcm": encode(ds) for i, ds in enumerate(datasets(a_study()[2]))}
    )
    for one in range(sax.n_slices):
        frames = [encode(dataset(sax, one, frame)) for frame in range(sax.n_frames)]
        write_folder(folder / f"{number}/study/sax_{10 + one}", {f"IM-{i}.dcm": data for i, data in enumerate(frames)})
    return sax


def test_folders_of_the_data_science_bowl_are_patients_with_labels(tmp_path: Path) -> None:
    levels = {1: 1, 12: 2, 501: 3}
    parents = {1: "train/train", 12: "train/train", 501: "validate/validate"}
    specs = {n: data_science_bowl(tmp_path / "in" / parents[n], n, level) for n, level in levels.items()}
    store = convert(tmp_path / "store", tmp_path / "in", bits=16)
    key = load_key(tmp_path / "site.key")
    for number, spec in specs.items():
        name = f"kaggle_{number}"
        stacks = read_study(store, key.patient(name), key.study(name, name)).views
        assert set(stacks) == {View.CH2, View.SAX}
        assert (stacks[View.SAX].pixels == as_stored(spec, base_to_apex(spec))).all()
    table = tmp_path / "train.csv"
    table.write_text("Id,Systole,Diastole\n1,50,100\n12,90,120\n501,120,90\n")
    frame = read_labels(write_labels(store, "--kaggle", table))
    assert frame.loc[key.study("kaggle_1", "kaggle_1")].tolist() == [50, 100, 50]
    assert frame.loc[key.study("kaggle_12", "kaggle_12")].tolist() == [25, 120, 90]
    assert frame.loc[key.study("kaggle_501", "kaggle_501")].isna().all()


def test_the_folders_of_the_data_science_bowl_name_the_view(tmp_path: Path) -> None:
    cine = a_study()[2]
    for name, uid in (("4ch_3", "1.2.3"), ("2ch_4", "1.2.4")):
        spec = replace(cine, description="", uid=uid)
        write_folder(tmp_path / "7" / "study" / name, {str(i): encode(ds) for i, ds in enumerate(datasets(spec))})
    assert set(only_study(convert(tmp_path / "a" / "store", tmp_path / "7")).views) == {View.CH4, View.CH2}
    by_headers = convert(tmp_path / "b" / "store", tmp_path / "7", **{"ids-from-headers": None})
    assert set(only_study(by_headers).views) == {View.CH2}


def acdc_patient(folder: Path, patient: str, group: str) -> dict[str, bytes]:
    """The files of a patient; the cine is that of a DICOM series of `SAX` planes."""
    spec = SeriesSpec()
    values = as_stored(spec).transpose(3, 2, 0, 1).astype(np.int16)  # x, y, z, t
    normal = np.cross(SAX[:3], SAX[3:]) * 8.0
    lps = np.array([np.multiply(SAX[:3], 1.25), np.multiply(SAX[3:], 1.5), normal, [-60.0, -40.0, 20.0]]).T
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ np.vstack([lps, [0, 0, 0, 1]])
    folder.mkdir(parents=True)
    for suffix, array in (("4d", values), ("frame01", values[..., 0]), ("frame01_gt", values[..., 0] > 9)):
        nib.save(nib.Nifti1Image(array.astype(np.int16), affine), folder / f"{patient}_{suffix}.nii.gz")
    (folder / "Info.cfg").write_text(f"ED: 1\nES: 9\nGroup: {group}\nHeight: 184.0\nNbFrame: 12\nWeight: 95.0\n")
    return {f"{patient}/{path.name}": path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("archived", [False, True])
def test_acdc_becomes_short_axis_studies_with_groups(tmp_path: Path, archived: bool) -> None:
    root = tmp_path / "in"
    content = acdc_patient(root / "training/patient001", "patient001", "DCM")
    content |= acdc_patient(root / "testing/patient101", "patient101", "RV")
    given = write_zip(tmp_path / "acdc.zip", content) if archived else root
    store = convert(tmp_path / "store", given, bits=16)
    key = load_key(tmp_path / "site.key")
    keys = [key.study(patient, patient) for patient in ("patient001", "patient101")]
    assert sorted(study for _, study in studies_in(store)) == sorted(keys)
    rows = ledger(store)
    assert rows.query("outcome == 'stored'")["reason"].tolist() == [IN_ORDER] * 2
    assert rows.query("outcome == 'left_out'").groupby("reason")["n_files"].apply(
        lambda n: n.astype(int).sum()
    ).to_dict() == {SIDE_FILE: 6}
    frame = read_labels(write_labels(store, "--acdc", root))
    assert frame.loc[keys].to_numpy().tolist() == [[0, 0, 1, 0, 0], [0, 0, 0, 0, 1]]
    assert b"patient001" not in everything_written(store, tmp_path / "labels.csv", tmp_path / "labels.ledger.csv")


def test_a_cine_is_stored_alike_as_dicom_and_as_nifti(tmp_path: Path) -> None:
    acdc_patient(tmp_path / "nifti/patient001", "patient001", "DCM")
    from_nifti = only_study(convert(tmp_path / "a" / "store", tmp_path / "nifti")).views[View.SAX]
    dicom = write_tgz(tmp_path / "dicom.tgz", files(SeriesSpec()))
    from_dicom = only_study(convert(tmp_path / "b" / "store", dicom)).views[View.SAX]
    assert (from_nifti.pixels == from_dicom.pixels).all() and from_nifti.intensity_window == from_dicom.intensity_window
    np.testing.assert_allclose(from_nifti.image_position, from_dicom.image_position, atol=1e-4)
    np.testing.assert_allclose(from_nifti.image_orientation, from_dicom.image_orientation, atol=1e-6)
    np.testing.assert_allclose(from_nifti.pixel_spacing, from_dicom.pixel_spacing, atol=1e-6)


def test_volumes_are_resampled_and_cropped_like_dicom(tmp_path: Path) -> None:
    acdc_patient(tmp_path / "in" / "patient007", "patient007", "DCM")
    native = only_study(convert(tmp_path / "a" / "store", tmp_path / "in")).views[View.SAX]
    store = convert(tmp_path / "b" / "store", tmp_path / "in", spacing=2.5, crop=8)
    stack = only_study(store).views[View.SAX]
    assert stack.pixels.shape == (*native.pixels.shape[:2], 8, 8)
    assert stack.pixel_spacing == (2.5, 2.5)
    assert stack.intensity_percentiles == (0.1, 99.9)

    def middle(one) -> np.ndarray:  # type: ignore[no-untyped-def]
        rows, cols = one.pixels.shape[2:]
        row, column = one.image_orientation[:3], one.image_orientation[3:]
        across, down = (cols - 1) / 2 * one.pixel_spacing[1], (rows - 1) / 2 * one.pixel_spacing[0]
        return np.asarray(one.image_position + across * row + down * column)

    np.testing.assert_allclose(middle(stack), middle(native), atol=1.3)  # half a pixel of a cropped odd size
