"""Draw a study and pack it as one archive of DICOM files."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

from preprocess.phantom.patients import PhantomPatient, PhantomStudy
from preprocess.phantom.scanner.dicom import dicom_file, encode
from preprocess.phantom.scanner.headers import Headers, quantise, study_uid
from preprocess.phantom.scanner.protocol_plan import SeriesPlan, plan_series
from preprocess.phantom.scanner.render import Scene, add_noise
from preprocess.phantom.scanner.vendors import FileNames

__all__ = ["archive_name", "write_examination"]

_NOISE, _ORDER = 2, 3  # streams of random numbers


def archive_name(patient: PhantomPatient, study: PhantomStudy) -> str:
    """Name of the archive of a study."""
    return f"{patient.patient_id}-{study.accession}.tgz"


def _series_files(patient: PhantomPatient, study: PhantomStudy, plan: SeriesPlan) -> Iterator[tuple[int, str, bytes]]:
    """Instance number, SOP instance UID and content of each file of a series."""
    headers = Headers(patient, study, plan)
    shared = encode(headers.shared())
    scene = Scene(study.heart, study.chest)
    sigma = float(study.rng(_NOISE).uniform(0.014, 0.028))
    for index, plane in enumerate(plan.planes):
        rng = study.rng(_NOISE, plan.number, index)
        signal = add_noise(scene.cine(plane, plan.phases, plan.contrasts), sigma, rng)
        pixels = quantise(signal, patient.vendor)
        elements = shared | encode(headers.slice(index, plane))
        for frame in range(len(plan.phases)):
            values = headers.frame(index, frame, pixels[frame])
            yield headers.instance(index, frame), str(values["SOPInstanceUID"]), dicom_file(elements, values)


def _named_files(patient: PhantomPatient, study: PhantomStudy, plan: SeriesPlan) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file of a series, in the order in which this hospital's export stores them."""
    files = list(_series_files(patient, study, plan))
    order = study.rng(_ORDER, plan.number).permutation(len(files))
    match patient.vendor.file_names:
        case FileNames.UID:
            for position in order:
                _, uid, content = files[position]
                yield f"{uid}.dcm", content
        case FileNames.BARE:
            for name, position in enumerate(order):
                yield f"I{name:04d}", files[position][2]
        case FileNames.NUMBERED:
            for instance, _, content in files:
                yield f"IM-{plan.number:04d}-{instance:04d}.dcm", content


def _folder(patient: PhantomPatient, study: PhantomStudy, plan: SeriesPlan) -> str:
    """Folder of a series inside the archive."""
    match patient.vendor.file_names:
        case FileNames.UID:
            return f"{study_uid(study)}/{Headers(patient, study, plan).series_uid}"
        case FileNames.BARE:
            return f"{study.accession}/S{plan.number:05d}"
        case FileNames.NUMBERED:
            safe = "".join(letter if letter.isalnum() else "_" for letter in plan.description)
            return f"{study.accession}/{plan.number:03d}_{safe}"


def write_examination(patient: PhantomPatient, study: PhantomStudy, folder: Path) -> Path:
    """Draw a study and write its archive under a temporary name, then rename it.

    Returns:
        The archive, `<folder>/<patient>-<accession>.tgz` with `<study>/<series>/<file>` inside.
    """
    target = folder / archive_name(patient, study)
    part = target.with_suffix(".part")
    with (
        part.open("wb") as raw,
        gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=1, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for plan in plan_series(patient, study):
            inside = _folder(patient, study, plan)
            for name, content in _named_files(patient, study, plan):
                member = tarfile.TarInfo(f"{inside}/{name}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    part.replace(target)
    return target
