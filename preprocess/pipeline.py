"""One source from bytes to stored studies and ledger rows: the whole of what a worker does."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace

from preprocess.archive import Member, members
from preprocess.dicom import Image, read_images
from preprocess.elements import quiet_pydicom
from preprocess.errors import PreprocessError
from preprocess.ledger import STORED, Record, Row
from preprocess.recognise import described
from preprocess.sources import Source
from preprocess.study import Job, convert_study

__all__ = ["Job", "process_source"]


def process_source(source: Source, job: Job) -> Record:
    """Convert every study of a source. A problem with the input becomes ledger rows and never an exception."""
    name = source.key_hash(job.key)
    record = Record(name, source.fingerprint(job.key), source.parts)
    with quiet_pydicom():
        try:
            images, problems = _read(source, job)
        except PreprocessError as error:
            return replace(record, rows=(Row(name, reason=error.problem),))
        rows = [Row(name, n_files=count, reason=reason) for reason, count in problems.items()]
        if not images and not problems:
            rows.append(Row(name, reason="empty: no files in it"))
        studies: dict[tuple[str, str], list[Image]] = defaultdict(list)
        for image in images:
            studies[image.patient_id, image.study_id].append(image)
        stored: list[tuple[str, str]] = []
        seen: list[tuple[str, str]] = []
        known = 0
        for (patient_id, study_id), group in sorted(studies.items()):
            if not patient_id or not study_id:
                rows.append(Row(name, n_files=len(group), reason="no PatientID or no study identifier"))
                continue
            keys = job.key.patient(patient_id), job.key.study(patient_id, study_id)
            if keys in job.claimed:
                reason = "study already stored from another source (give all its sources in one run to merge them)"
                rows.append(Row(name, *keys, n_files=len(group), reason=reason))
                known += 1
                continue
            seen.append(keys)
            study_rows = convert_study(group, Row(name, *keys), job)
            rows += study_rows
            if any(row.outcome == STORED for row in study_rows):
                stored.append(keys)
    crosswalk = _crosswalk(source, studies, job) if job.with_crosswalk else ()
    return replace(record, studies=tuple(stored), seen=tuple(seen), rows=tuple(rows), known=known, crosswalk=crosswalk)


def _crosswalk(
    source: Source, studies: dict[tuple[str, str], list[Image]], job: Job
) -> tuple[tuple[str, str, str], ...]:
    lines = [("source", source.key_hash(job.key), source.name)]
    for patient_id, study_id in studies:
        if patient_id and study_id:
            lines.append(("patient", job.key.patient(patient_id), patient_id))
            lines.append(("study", job.key.study(patient_id, study_id), study_id))
    return tuple(sorted(set(lines)))


def _read(source: Source, job: Job) -> tuple[list[Image], Counter[str]]:
    """All frames of a source, and how many files failed for which reason."""
    images: list[Image] = []
    problems: Counter[str] = Counter()
    for path in source.paths:
        for member in members(path, job.limits):
            if not isinstance(member, Member):
                problems[member.reason] += 1
                continue
            try:
                images.extend(_slim(image) for image in read_images(member.data))
            except PreprocessError as error:
                problems[error.problem] += 1
    return _without_duplicates(images, problems), problems


def _slim(image: Image) -> Image:
    """Drop the pixels of what will not be stored in any case: it may be most of an archive."""
    if image.flaw or described(image.description).final:
        return replace(image, pixels=replace(image.pixels, data=b""))
    return image


def _without_duplicates(images: list[Image], problems: Counter[str]) -> list[Image]:
    unique: dict[tuple[str, str, str], Image] = {}
    for image in images:
        key = (image.patient_id, image.study_id, image.instance_uid or f"#{len(unique)}")
        if key in unique:
            problems["the same image twice (equal SOPInstanceUID)"] += 1
        else:
            unique[key] = image
    return list(unique.values())
