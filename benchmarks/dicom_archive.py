"""The study of the conversion benchmark: 3 long axes and 10 short-axis slices of 30 frames, 256 × 256, in one .tgz.

    python -m benchmarks.dicom_archive --out study.tgz [--seed 1] [--matrix 256]

Drawn, not acquired: a beating ring and crescent in a textured body with Rician noise, 12 bits in uint16. Packed, a
pixel takes 8 to 9 bits, as those of real cines do (8.9 in the MICCAI RVSC example). The headers are those of a
balanced SSFP cine with valid geometry and times, so that a conversion stores 13 clips of 4 views.
"""

from __future__ import annotations

import argparse
import gzip
import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian
from scipy.ndimage import gaussian_filter, zoom

__all__ = ["StudySize", "draw_cine", "make_study"]

_ROOT = "1.2.826.0.1.3680043.8.498.77"
_MR = "1.2.840.10008.5.1.4.1.1.4"
_RR_MS = 900.0
_ROW = np.array([0.5145, 0.8302, -0.2147])  # of the short axis, patient coordinates
_COLUMN = np.array([-0.4846, 0.0752, -0.8715])

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True)
class StudySize:
    """How large a study is.

    Attributes:
        matrix: rows and columns.
        frames: of a cine.
        slices: of the short-axis stack.
    """

    matrix: int = 256
    frames: int = 30
    slices: int = 10

    @property
    def n_files(self) -> int:
        """Frames of the whole study."""
        return (3 + self.slices) * self.frames


@dataclass(frozen=True)
class _Series:
    number: int
    description: str
    row: Vector
    column: Vector
    positions: tuple[Vector, ...]


def draw_cine(size: StudySize, seed: int | tuple[int, ...], fullness: float = 1.0) -> npt.NDArray[np.uint16]:
    """A beating heart in a noisy body, `[frame, row, col]`, in scanner units.

    Args:
        size: matrix and frames.
        seed: of texture and noise.
        fullness: radius of the heart relative to its largest, from 0 to 1.
    """
    rng = np.random.default_rng(seed)
    n = size.matrix
    rows, cols = (np.mgrid[:n, :n] / n - 0.5).astype(np.float32)
    coarse = gaussian_filter(rng.normal(size=(n // 2, n // 2)).astype(np.float32), n / 60)
    texture = zoom(coarse / coarse.std(), 2, order=1)
    body = (220 + 60 * texture) * (np.hypot(rows / 0.36, cols / 0.46) < 1)
    lungs = (np.hypot((rows + 0.02) / 0.2, (np.abs(cols) - 0.27) / 0.11) < 1) & (np.hypot(rows, cols) > 0.17)
    still = np.where(lungs, 25, body).clip(0)
    radius = 0.085 * fullness * (1 - 0.3 * np.sin(np.pi * np.arange(size.frames) / size.frames) ** 2)
    radius = radius.astype(np.float32)[:, None, None]
    left = np.hypot(rows, cols)[None]
    right = np.hypot(rows / 1.3, cols + 0.12 * fullness)[None]
    signal = np.where(right < radius * 1.1, 640, still[None])
    signal = np.where(left < radius + 0.045, 150, signal)
    signal = np.where(left < radius, 700, signal) * (1.2 - 0.8 * np.hypot(rows, cols))
    signal = gaussian_filter(signal.astype(np.float32), (0, 0.6, 0.6))
    noise = rng.standard_normal((2, *signal.shape), dtype=np.float32) * 14
    cine: npt.NDArray[np.uint16] = np.hypot(signal + noise[0], noise[1]).clip(0, 4095).astype(np.uint16)
    return cine


def _plan(size: StudySize) -> Iterator[_Series]:
    row = _ROW / np.linalg.norm(_ROW)
    column = _COLUMN - (_COLUMN @ row) * row
    column /= np.linalg.norm(column)
    axis = np.cross(row, column)
    axis = axis if axis @ np.array([0.7, -0.5, -0.5]) > 0 else -axis  # from base to apex
    half = size.matrix / 2 * 1.4
    for number, (name, degrees) in enumerate((("4CH", 30.0), ("2CH", 105.0), ("3CH", 150.0)), start=1):
        lateral = np.cos(np.radians(degrees)) * row + np.sin(np.radians(degrees)) * np.cross(axis, row)
        yield _Series(number, f"{name}_FIESTA_BH", axis, lateral, (-half * (axis + lateral),))
    corner = -half * (row + column)
    places = tuple(corner + axis * 9.6 * (index - size.slices / 2) for index in range(size.slices))
    yield _Series(4, "SAX_FIESTA_BH", row, column, places)


def _headers(size: StudySize, series: _Series, patient: str, accession: str) -> Dataset:
    study = f"{_ROOT}.{int.from_bytes(accession.encode()[-8:], 'big')}"
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = _MR
    ds.SpecificCharacterSet, ds.ImageType = "ISO_IR 100", ["ORIGINAL", "PRIMARY", "M"]
    ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = "20200601"
    ds.StudyTime, ds.AcquisitionTime = "101500", f"1016{series.number:02d}"
    ds.AccessionNumber, ds.Modality, ds.Manufacturer = accession, "MR", "SIEMENS"
    ds.StudyDescription, ds.SeriesDescription = "MR CARDIAC", series.description
    ds.ManufacturerModelName, ds.MagneticFieldStrength = "Aera", 1.5
    ds.PatientName, ds.PatientID = "Bench^Mark", patient
    ds.PatientBirthDate, ds.PatientSex, ds.PatientAge = "19600101", "F", "060Y"
    ds.ScanningSequence, ds.SequenceVariant, ds.MRAcquisitionType = "GR", "SK", "2D"
    ds.SliceThickness, ds.SpacingBetweenSlices, ds.RepetitionTime, ds.EchoTime = 8.0, 9.6, 30.0, 1.4
    ds.FlipAngle, ds.NominalInterval, ds.CardiacNumberOfImages = 60, _RR_MS, size.frames
    ds.StudyInstanceUID, ds.SeriesInstanceUID = study, f"{study}.{series.number}"
    ds.SeriesNumber, ds.AcquisitionNumber = series.number, 1
    ds.ImageOrientationPatient = [f"{value:.10f}" for value in (*series.row, *series.column)]
    ds.PixelSpacing = [1.4, 1.4]
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows = ds.Columns = size.matrix
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    return ds


def _frames(size: StudySize, series: _Series, headers: Dataset, seed: int) -> Iterator[bytes]:
    for index, position in enumerate(series.positions):
        fullness = 1 - 0.6 * index / len(series.positions)
        cine = draw_cine(size, (seed, series.number, index), fullness)
        headers.ImagePositionPatient = [f"{value:.6f}" for value in position]
        headers.SliceLocation = f"{9.6 * index:.4f}"
        for frame, pixels in enumerate(cine):
            number = index * size.frames + frame + 1
            headers.InstanceNumber, headers.TriggerTime = number, f"{frame * _RR_MS / size.frames:.2f}"
            headers.SOPInstanceUID = f"{headers.SeriesInstanceUID}.{number}"
            headers.file_meta.MediaStorageSOPInstanceUID = headers.SOPInstanceUID
            headers.PixelData = pixels.tobytes()
            buffer = io.BytesIO()
            pydicom.dcmwrite(buffer, headers, enforce_file_format=True)
            yield buffer.getvalue()


def make_study(
    path: Path, size: StudySize | None = None, *, seed: int = 1, patient: str = "BENCH1", accession: str = "ACC1"
) -> Path:
    """Write a study as `<study>/<series>/<file>` in one .tgz; the same arguments give the same bytes."""
    size = size or StudySize()
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        path.open("wb") as raw,
        gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=6, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for series in _plan(size):
            headers = _headers(size, series, patient, accession)
            for number, content in enumerate(_frames(size, series, headers, seed), start=1):
                member = tarfile.TarInfo(f"{accession}/{series.number:03d}_{series.description}/IM{number:04d}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    return path


def main(argv: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, metavar="TGZ")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--matrix", type=int, default=256)
    args: Any = parser.parse_args(argv)
    size = StudySize(args.matrix)
    path = make_study(args.out, size, seed=args.seed, patient=f"BENCH{args.seed}", accession=f"ACC{args.seed}")
    bits = 8 * path.stat().st_size / (size.n_files * size.matrix**2)
    print(f"{path}: {size.n_files} frames, {path.stat().st_size / 1e6:.1f} MB, {bits:.1f} bits per pixel")


if __name__ == "__main__":
    main()
