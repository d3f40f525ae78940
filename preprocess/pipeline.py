"""One source from bytes to stored studies and ledger rows: the whole of what a worker does."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from preprocess.archive import LIMITS, Limits, Member, members
from preprocess.deid import SiteKey
from preprocess.dicom import Image, quiet_pydicom, read_images
from preprocess.errors import PreprocessError
from preprocess.ledger import STORED, Record, Row
from preprocess.pixels import Bits, stack_pixels
from preprocess.recognise import described, recognise
from preprocess.series import MIN_PHASES, Acquisition, acquisitions, missing_frames, split_series, usual_count
from preprocess.sources import Source
from preprocess.stacks import Candidate, Choice, choose
from preprocess.store import CineStack, Study, write_study
from preprocess.study_info import study_info
from preprocess.views import View

__all__ = ["Job", "process_source"]


@dataclass(frozen=True)
class Job:
    """What every worker needs to know.

    Attributes:
        store: output folder.
        key: the site's key.
        bits: 8 or 16 per stored pixel.
        with_crosswalk: hand real identifiers back to the main process.
        claimed: studies in the store that came from sources outside of this run; they are not overwritten.
        limits: of an archive.
    """

    store: Path
    key: SiteKey
    bits: Bits = 8
    with_crosswalk: bool = False
    claimed: frozenset[tuple[str, str]] = frozenset()
    limits: Limits = LIMITS


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
        for (patient_id, study_id), group in sorted(studies.items()):
            if not patient_id or not study_id:
                rows.append(Row(name, n_files=len(group), reason="no PatientID or no study identifier"))
                continue
            keys = job.key.patient(patient_id), job.key.study(patient_id, study_id)
            if keys in job.claimed:
                reason = "study already stored from another source (give all its sources in one run to merge them)"
                rows.append(Row(name, *keys, n_files=len(group), reason=reason))
                continue
            seen.append(keys)
            study_rows = _process_study(group, Row(name, *keys), job)
            rows += study_rows
            if any(row.outcome == STORED for row in study_rows):
                stored.append(keys)
    crosswalk = _crosswalk(source, studies, job) if job.with_crosswalk else ()
    return replace(record, studies=tuple(stored), seen=tuple(seen), rows=tuple(rows), crosswalk=crosswalk)


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
    unique: dict[tuple[str, str, str, int], Image] = {}
    for image in images:
        frame = image.pixels.frame or 0
        key = (image.patient_id, image.study_id, image.instance_uid or f"#{len(unique)}", frame)
        if key in unique:
            problems["the same image twice (equal SOPInstanceUID)"] += 1
        else:
            unique[key] = image
    return list(unique.values())


def _process_study(images: list[Image], blank: Row, job: Job) -> list[Row]:
    """Recognise, choose, decode and write one study.

    Args:
        images: all frames of the study.
        blank: a ledger row with source, patient and study filled in.
        job: options.

    Returns:
        A row per series and per position that was left out.
    """
    series = split_series(images)
    cines = [tuple(acquisitions(one)) for one in series]
    is_cine = [any(len(cine.images) >= MIN_PHASES for cine in group) for group in cines]
    decisions = recognise(series, is_cine)
    candidates = [Candidate(*triple) for triple in zip(series, cines, decisions, strict=True)]
    rows: list[Row] = []
    stacks: dict[View, CineStack] = {}
    for candidate in candidates:
        if candidate.decision.view is None:
            rows.append(_series_row(candidate, blank, job, _why_no_view(candidate)))
    for view in View:
        group = [one for one in candidates if one.decision.view is view]
        if group:
            stack, view_rows = _process_view(view, group, blank, job)
            rows += view_rows
            if stack is not None:
                stacks[view] = stack
    if stacks:
        write_study(job.store, Study(blank.patient, blank.study, stacks, study_info(images)))
    return rows


def _why_no_view(candidate: Candidate) -> str:
    """A series without a view: the exclusion that hit it, else that it is no cine, else what the rules said."""
    decision = candidate.decision
    if not decision.final:
        reasons = [missing_frames(cine, usual_count(candidate.cines)) for cine in candidate.cines]
        if all(reasons):
            return max(reasons, key=reasons.count)
    return decision.reason


def _process_view(view: View, group: list[Candidate], blank: Row, job: Job) -> tuple[CineStack | None, list[Row]]:
    choice = choose(view, group)
    stack = None
    problem = ""
    if choice.slices:
        try:
            stack = _stack(choice.slices, job.bits)
        except PreprocessError as error:
            problem = error.problem
    rejected = {id(candidate): reason for candidate, reason in choice.rejected}
    rows = []
    for candidate in group:
        reason = rejected.get(id(candidate), "") or problem
        is_used = not reason and any(_is_in(cine, choice.slices) for cine in candidate.cines)
        if not reason and not is_used:
            reason = _first_reason(candidate, choice)
        rows.append(_series_row(candidate, blank, job, reason))
        if id(candidate) not in rejected:
            rows += _position_rows(candidate, choice, blank, job)
    return stack, rows


def _is_in(cine: Acquisition, cines: Sequence[Acquisition]) -> bool:
    return any(cine is one for one in cines)


def _first_reason(candidate: Candidate, choice: Choice) -> str:
    return next(
        (reason for cine, reason in choice.left_out if _is_in(cine, candidate.cines)), "no slice of it was used"
    )


def _series_row(candidate: Candidate, blank: Row, job: Job, problem: str) -> Row:
    """A row for a whole series; `problem` is empty where it was stored."""
    decision = candidate.decision
    row = replace(
        blank,
        series=job.key.source(candidate.series.first.series_uid),
        view=decision.view.value if decision.view else "",
        confidence=decision.confidence,
        n_files=len(candidate.series.images),
        n_frames=max(len(cine.images) for cine in candidate.cines),
    )
    return replace(row, reason=problem) if problem else replace(row, outcome=STORED, reason=decision.reason)


def _position_rows(candidate: Candidate, choice: Choice, blank: Row, job: Job) -> list[Row]:
    return [
        replace(
            blank,
            series=job.key.source(candidate.series.first.series_uid),
            view=candidate.decision.view.value if candidate.decision.view else "",
            confidence=candidate.decision.confidence,
            position_mm=round(cine.position, 2),
            n_files=len(cine.images),
            n_frames=len(cine.images),
            reason=reason,
        )
        for cine, reason in choice.left_out
        if _is_in(cine, candidate.cines)
    ]


def _stack(slices: Sequence[Acquisition], bits: Bits) -> CineStack:
    pixels, window = stack_pixels(slices, bits)
    times = np.full(pixels.shape[:2], np.nan)
    for index, cine in enumerate(slices):
        times[index, : len(cine.images)] = [image.trigger_time for image in cine.images]
    first = slices[0].images[0]
    return CineStack(
        pixels=pixels,
        n_frames=np.array([len(cine.images) for cine in slices], dtype=np.int32),
        pixel_spacing=first.spacing,
        slice_thickness=first.thickness,
        image_orientation=np.array(first.orientation, dtype=np.float64),
        image_position=np.array([cine.images[0].position for cine in slices], dtype=np.float64),
        trigger_time=times,
        intensity_window=window,
    )
