"""Small DICOM files whose pixels tell slice and frame, so that any mistake in order or grouping shows."""

from __future__ import annotations

import io
import tarfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset

from preprocess.cines.series import Series, split_series
from preprocess.dicom.reading import read_images

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def _unit(vector: Any) -> np.ndarray:
    array = np.asarray(vector, dtype=float)
    return array / np.linalg.norm(array)


def orthonormal(orientation: tuple[float, ...]) -> tuple[float, ...]:
    row = _unit(orientation[:3])
    column = np.asarray(orientation[3:], dtype=float)
    column = _unit(column - (column @ row) * row)
    return tuple(float(value) for value in (*row, *column))


SAX = orthonormal((0.50, 0.84, -0.21, -0.46, 0.053, -0.886))
AXIS = -np.cross(SAX[:3], SAX[3:])
AXIS = AXIS if AXIS @ np.array([0.7, -0.5, -0.5]) > 0 else -AXIS


def long_axis_plane(degrees: float, axis: np.ndarray = AXIS) -> tuple[float, ...]:
    """Orientation of a plane through the axis, turned about it from the lateral wall towards the anterior one."""
    lateral = _unit(np.array(SAX[:3]) - (np.array(SAX[:3]) @ axis) * axis)
    anterior = np.cross(axis, lateral)
    across = np.cos(np.radians(degrees)) * lateral + np.sin(np.radians(degrees)) * anterior
    return (*map(float, axis), *map(float, across))


CH4, CH2, CH3 = long_axis_plane(30), long_axis_plane(105), long_axis_plane(150)


@dataclass(frozen=True)
class SeriesSpec:
    """A series to write; `change` edits each data set: (dataset, slice, frame)."""

    description: str = "SAX_FIESTA_BH"
    orientation: tuple[float, ...] = SAX
    n_slices: int = 3
    n_frames: int = 12
    size: tuple[int, int] = (24, 20)
    uid: str = "1.2.826.0.1.3680043.8.498.1"
    first_position: float = 0.0
    tags: dict[str, Any] = field(default_factory=dict)
    time_step: float = 40.0
    acquired: str = "101500"
    level: int = 0


def pixels(level: int, slice_index: int, frame: int, size: tuple[int, int]) -> np.ndarray:
    """A gradient whose corner [0, 0] is 1000·level + 100·slice + frame."""
    gradient = np.arange(size[0] * size[1], dtype=np.uint16).reshape(size)
    return (gradient + 1000 * level + 100 * slice_index + frame).astype(np.uint16)


def dataset(spec: SeriesSpec, slice_index: int, frame: int) -> Dataset:
    orientation = spec.orientation
    normal = np.cross(orientation[:3], orientation[3:])
    position = np.array([-60.0, -40.0, 20.0]) + normal * (spec.first_position + 8.0 * slice_index)
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
    number = slice_index * spec.n_frames + frame + 1
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = f"{spec.uid}.{number}"
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "M"]
    ds.PatientID, ds.PatientName, ds.PatientSex, ds.PatientAge = "MRN0001", "Doe^Jane", "F", "055Y"
    ds.PatientBirthDate, ds.StudyDate = "19650101", "20200601"
    ds.AccessionNumber, ds.StudyInstanceUID, ds.SeriesInstanceUID = "ACC77", "1.2.826.0.1.3680043.8.498", spec.uid
    ds.Modality, ds.Manufacturer, ds.ManufacturerModelName = "MR", "SIEMENS", "Aera"
    ds.MagneticFieldStrength, ds.SeriesDescription = 1.5, spec.description
    ds.SliceThickness, ds.PixelSpacing = 8.0, [1.5, 1.25]
    ds.ImageOrientationPatient = [f"{value:.10f}" for value in orientation]
    ds.ImagePositionPatient = [f"{value:.6f}" for value in position]
    ds.TriggerTime, ds.CardiacNumberOfImages = round(spec.time_step * frame, 2), spec.n_frames
    ds.AcquisitionDate, ds.AcquisitionTime = "20200601", spec.acquired
    ds.AcquisitionNumber, ds.InstanceNumber = 1, number
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns = spec.size
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.PixelData = pixels(spec.level, slice_index, frame, spec.size).tobytes()
    for keyword, value in spec.tags.items():
        setattr(ds, keyword, value)
    return ds


def encode(ds: Dataset) -> bytes:
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, ds, enforce_file_format=True)
    return buffer.getvalue()


def datasets(spec: SeriesSpec) -> list[Dataset]:
    return [dataset(spec, index, frame) for index in range(spec.n_slices) for frame in range(spec.n_frames)]


def as_dataset(data: bytes) -> Dataset:
    """A file's bytes as pydicom reads them."""
    return pydicom.dcmread(io.BytesIO(data))


def read_series(*specs: SeriesSpec) -> list[Series]:
    """The series that the reader makes of the files."""
    images = ([read_images(encode(ds))[0] for ds in datasets(spec)] for spec in specs)
    return [series for of_one in images for series in split_series(of_one)]


def files(*specs: SeriesSpec) -> dict[str, bytes]:
    """Names and bytes of all files of some series."""
    return {
        f"s{number}/IM{index:04d}": encode(ds)
        for number, spec in enumerate(specs)
        for index, ds in enumerate(datasets(spec))
    }


def write_tgz(path: Path, content: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        for name, data in content.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def write_zip(path: Path, content: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return path


def write_folder(path: Path, content: dict[str, bytes]) -> Path:
    for name, data in content.items():
        target = path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return path


def a_study(**tags: Any) -> tuple[SeriesSpec, ...]:
    """A scout, three long axes and a short-axis stack."""
    base = "1.2.826.0.1.3680043.8.498.1"
    return (
        SeriesSpec("3PL_LOC", AXIAL, 3, 1, uid=f"{base}.1", tags=tags, level=1),
        SeriesSpec("4CH_FIESTA_BH", CH4, 1, uid=f"{base}.2", tags=tags, level=2),
        SeriesSpec("2CH_FIESTA_BH", CH2, 1, uid=f"{base}.3", tags=tags, level=2),
        SeriesSpec("3CH_FIESTA_BH", CH3, 1, uid=f"{base}.4", tags=tags, level=2),
        SeriesSpec("SAX_FIESTA_BH", SAX, 3, uid=f"{base}.5", tags=tags),
    )
