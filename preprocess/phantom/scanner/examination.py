"""Draw a study and pack it as one archive of DICOM files."""

from __future__ import annotations

import gzip
import io
import re
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


def _series_files(patient: PhantomPatient, study: PhantomStudy, plan: SeriesPlan) -> Iterator[tuple[str, bytes]]:
    """Draw a series: path inside the archive and content of each file, in the order in which the hospital stores it."""
    headers = Headers(patient, study, plan)
    shared = encode(headers.shared())
    scene = Scene(study.heart, study.chest)
    sigma = float(study.rng(_NOISE).uniform(0.014, 0.028))
    files: list[tuple[int, str, bytes]] = []  # instance number, SOP instance UID, content
    for index, plane in enumerate(plan.planes):
        rng = study.rng(_NOISE, plan.number, index)
        signal = add_noise(scene.cine(plane, plan.phases, plan.contrasts), sigma, rng)
        pixels = quantise(signal, patient.vendor)
        elements = shared | encode(headers.slice(index, plane))
        for frame in range(len(plan.phases)):
            values = headers.frame(index, frame, pixels[frame])
            content = dicom_file(elements, values)
            files.append((headers.instance(index, frame), str(values["SOPInstanceUID"]), content))
    order = study.rng(_ORDER, plan.number).permutation(len(files))
    match patient.vendor.file_names:
        case FileNames.UID:
            folder = f"{study_uid(study)}/{headers.series_uid}"
            named = [(f"{files[position][1]}.dcm", files[position][2]) for position in order]
        case FileNames.BARE:
            folder = f"{study.accession}/S{plan.number:05d}"
            named = [(f"I{number:04d}", files[position][2]) for number, position in enumerate(order)]
        case FileNames.NUMBERED:
            safe = re.sub(r"\W", "_", plan.description)
            folder = f"{study.accession}/{plan.number:03d}_{safe}"
            named = [(f"IM-{plan.number:04d}-{instance:04d}.dcm", content) for instance, _, content in files]
    for name, content in named:
        yield f"{folder}/{name}", content


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
            for path, content in _series_files(patient, study, plan):
                member = tarfile.TarInfo(path)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    part.replace(target)
    return target
