"""The files are what a scanner would write: readable, complete and with the right geometry."""

from __future__ import annotations

import io
import tarfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import FileDataset

from preprocess.phantom import PhantomPatient, sample_patient
from preprocess.phantom.scanner.examination import archive_name
from preprocess.phantom.scanner.protocol_plan import plan_series
from preprocess.phantom.scanner.vendors import STYLES, Decoy
from preprocess.store.views import View


def read(path: Path) -> dict[str, list[FileDataset]]:
    """The images of an archive by series."""
    series = defaultdict(list)
    with tarfile.open(path) as archive:
        for member in archive.getmembers():
            handle = archive.extractfile(member)
            assert handle is not None
            assert member.name.count("/") == 2  # study, series, file
            image = pydicom.dcmread(io.BytesIO(handle.read()))
            image.filename = member.name
            series[str(image.SeriesInstanceUID)].append(image)
    return series


@pytest.fixture(scope="module")
def studies(cohort: Any) -> list[tuple[PhantomPatient, dict[str, list[FileDataset]]]]:
    found = []
    for index in range(cohort.n_patients):
        patient = sample_patient(cohort.seed, index)
        found.append((patient, read(cohort.folder / "dicom" / archive_name(patient, patient.studies[0]))))
    return found


def test_one_archive_per_study_and_all_vendors(cohort: Any, studies: list) -> None:
    names = {path.name for path in (cohort.folder / "dicom").iterdir()}
    assert names == {f"{row.patient_id}-{row.accession}.tgz" for row in cohort.truth.itertuples()}
    makers = {images[0].Manufacturer for _, series in studies for images in series.values()}
    assert makers == {style.manufacturer for style in STYLES}


def test_series_are_those_of_the_truth(cohort: Any, studies: list) -> None:
    for patient, series in studies:
        rows = cohort.series[cohort.series.accession == patient.studies[0].accession]
        assert set(rows.series_instance_uid) == set(series)
        for row in rows.itertuples():
            images = series[row.series_instance_uid]
            assert len(images) == row.n_slices * row.n_frames
            assert {image.SeriesDescription for image in images} == {row.series_description}
        assert set(rows.view.dropna()) == {view.value for view in View}
        assert rows.view.isna().sum() >= 3


def test_elements_read_back(studies: list) -> None:
    for patient, series in studies:
        for images in series.values():
            image = images[0]
            assert image.PatientID == patient.patient_id
            assert str(image.PatientName) == patient.name
            assert image.StudyInstanceUID
            assert image.pixel_array.shape == (image.Rows, image.Columns)
            assert image.pixel_array.dtype == np.uint16
            assert image.pixel_array.max() <= 4095
            assert len({i.SOPInstanceUID for i in images}) == len(images)
            assert len({int(i.InstanceNumber) for i in images}) == len(images)
            assert all(len(str(value)) <= 16 for value in image.ImagePositionPatient)


def test_geometry_of_the_short_axis(cohort: Any, studies: list) -> None:
    for patient, series in studies:
        pose, length = patient.studies[0].heart.pose, patient.studies[0].heart.parameters.length
        rows = cohort.series[(cohort.series.view == "SAX") & (cohort.series.patient_id == patient.patient_id)]
        images = [image for uid in rows.series_instance_uid for image in series[uid]]
        orientation = np.array(images[0].ImageOrientationPatient, dtype=float)
        row, column = orientation[:3], orientation[3:]
        normal = np.cross(row, column)
        assert abs(row @ column) < 1e-6
        assert abs(normal @ pose.axes[:, 2]) > np.cos(np.deg2rad(6))
        assert row[0] > 0  # the image's right is the patient's left
        assert column[2] < 0  # its bottom is below
        heights = {round(float(np.dot(image.ImagePositionPatient, normal)), 2) for image in images}
        steps = np.diff(sorted(heights))
        assert 7 <= len(heights) <= 10
        assert steps == pytest.approx(steps[0], abs=0.05)
        assert 7.9 < steps[0] < 10.1
        apexward = normal * np.sign(normal @ pose.axes[:, 2])
        # base first: positions along the axis increase with the plan, and span the ventricle
        plan = [p for p in plan_series(patient, patient.studies[0]) if p.view is View.SAX]
        along = [float(plane.position @ apexward) for series_plan in plan for plane in series_plan.planes]
        assert (np.diff(along) > 0).all()
        assert along[-1] - along[0] > 0.6 * length


def test_ventricle_is_inside_every_cine(studies: list) -> None:
    for patient, _ in studies:
        study = patient.studies[0]
        pose = study.heart.pose
        for plan in plan_series(patient, study):
            if plan.view is None:
                continue
            for plane in plan.planes:
                reach = plane.grid.spacing * np.array([plane.grid.columns, plane.grid.rows]) / 2
                for z in (0.0, 0.5 * study.heart.parameters.length):
                    gap = pose.to_patient(np.array([[0, 0, z]]))[0] - plane.centre
                    assert (np.abs([gap @ plane.row, gap @ plane.column]) < reach - 25).all()
            if plan.view is not View.SAX:
                assert abs(plan.planes[0].normal @ pose.axes[:, 2]) < np.sin(np.deg2rad(6))


def test_trigger_times_give_the_order(studies: list) -> None:
    for patient, series in studies:
        beat = 60000 / patient.studies[0].heart_rate
        for images in series.values():
            if "TriggerTime" not in images[0]:
                continue
            times = {float(image.TriggerTime) for image in images}
            assert len(times) == images[0].CardiacNumberOfImages
            assert max(times) < beat + 15


def test_decoys_of_every_kind_occur() -> None:
    described = {
        plan.description
        for index in range(24)
        for patient in [sample_patient(11, index)]
        for plan in plan_series(patient, patient.studies[0])
        if plan.view is None
    }
    for style in STYLES:
        for kind in Decoy:
            assert described & set(style.schemes[0].decoys[kind]), (style.key, kind)


def test_cine_moves_and_blood_is_bright(cohort: Any, studies: list) -> None:
    for patient, series in studies:
        study = patient.studies[0]
        uid = cohort.series[
            (cohort.series.view == "4CH") & (cohort.series.accession == study.accession)
        ].series_instance_uid.iloc[0]
        images = sorted(series[uid], key=lambda image: float(image.TriggerTime))
        stack = np.stack([image.pixel_array for image in images]).astype(float)
        middle = study.heart.pose.to_patient(np.array([[6.0, 0, 0.45 * study.heart.parameters.length]]))[0]
        orientation = np.array(images[0].ImageOrientationPatient, dtype=float)
        gap = middle - np.array(images[0].ImagePositionPatient, dtype=float)
        spacing = float(images[0].PixelSpacing[0])
        j, i = round(gap @ orientation[:3] / spacing), round(gap @ orientation[3:] / spacing)
        assert stack[0, i - 1 : i + 2, j - 1 : j + 2].mean() > 1.5 * stack.mean()
        frames = len(stack)
        moved = np.abs(stack[frames // 3] - stack[0])[i - 15 : i + 15, j - 15 : j + 15].mean()
        corner = np.abs(stack[frames // 3] - stack[0])[:10, :10].mean()
        assert moved > 1.5 * corner


def test_file_names_do_not_tell_the_order(studies: list) -> None:
    shuffled = {}
    for patient, series in studies:
        cine = max(series.values(), key=len)
        by_name = sorted(cine, key=lambda image: image.filename)
        numbers = [int(image.InstanceNumber) for image in by_name]
        shuffled[patient.vendor.key] = numbers != sorted(numbers)
    assert shuffled == {"siemens": True, "philips": True, "ge": False}
