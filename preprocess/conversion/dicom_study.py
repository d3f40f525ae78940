"""One study from frames to a stored file and ledger rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from preprocess.cines.facts import study_info
from preprocess.cines.pixels import PERCENTILES, Frame, PixelRules, decode_slice, make_stack, require_size
from preprocess.cines.series import MIN_PHASES, Acquisition, acquisitions, missing_frames, split_series, usual_count
from preprocess.conversion.choosing import Candidate, Choice, choose
from preprocess.conversion.job import Job
from preprocess.dicom.frame import Image
from preprocess.errors import PreprocessError
from preprocess.recognition.flow import mark_flow
from preprocess.recognition.recognise import recognise
from preprocess.store.ledger import STORED, Row
from preprocess.store.study import CineStack, Study
from preprocess.store.study_file import study_path, write_study
from preprocess.store.views import View
from preprocess.system.files import remove_stale

__all__ = ["Job", "convert_study"]

_THICKEST = 100.0  # mm; other values of a header are place holders


def convert_study(images: list[Image], blank: Row, job: Job) -> list[Row]:
    """Recognise, choose, decode and write one study.

    Args:
        images: all frames of the study.
        blank: a ledger row with source, patient and study filled in.
        job: options.

    Returns:
        A row per series and per position that was left out.
    """
    series = mark_flow(split_series(images))
    cines = [tuple(acquisitions(one)) for one in series]
    is_cine = [any(len(cine.images) >= MIN_PHASES for cine in group) for group in cines]
    decisions = recognise(series, is_cine, job.site)
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
        remove_stale(study_path(job.store, blank.patient, blank.study))
        write_study(job.store, Study(blank.patient, blank.study, stacks, study_info(images, job.keep_age_sex)))
    return _merged(rows)


def _merged(rows: list[Row]) -> list[Row]:
    """One row for the planes of a series that met the same fate, such as the three of a scout."""
    merged: dict[Row, Row] = {}
    for row in rows:
        same = replace(row, n_files=0, n_frames=0, position_mm=row.position_mm)
        before = merged.get(same)
        if before is None or row.position_mm is not None:
            merged[same if before is None else row] = row
        else:
            n_frames = max(before.n_frames, row.n_frames)
            merged[same] = replace(before, n_files=before.n_files + row.n_files, n_frames=n_frames)
    return list(merged.values())


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
    stack = _stack(choice, job.pixel_rules)
    rejected = {id(candidate): reason for candidate, reason in choice.rejected}
    rows: list[Row] = []
    for candidate in group:
        if id(candidate) in rejected:
            rows.append(_series_row(candidate, blank, job, rejected[id(candidate)]))
            continue
        is_used = any(_is_in(cine, choice.slices) for cine in candidate.cines)
        rows.append(_series_row(candidate, blank, job, "" if is_used else _first_reason(candidate, choice)))
        rows += _position_rows(candidate, choice, blank, job)
    return stack, rows


def _stack(choice: Choice, rules: PixelRules) -> CineStack | None:
    """Decode the chosen slices; what cannot be stored moves to those left out, with the reason."""
    if not choice.slices:
        return None
    try:
        require_size(choice.slices, rules)
        frames = _decoded(choice)
        return _as_stored(choice.slices, frames, rules) if frames else None
    except PreprocessError as error:
        choice.left_out += [(cine, error.problem) for cine in choice.slices]
        choice.slices.clear()
        return None


def _decoded(choice: Choice) -> list[list[Frame]]:
    """Pixels of each slice; one whose pixels cannot be decoded gives way to a repeat, or is left out."""
    found: list[list[Frame]] = []
    slices: list[Acquisition] = []
    for cine in choice.slices:
        for one in (cine, *choice.spares.get(id(cine), ())):
            try:
                found.append(decode_slice(one))
            except PreprocessError as error:
                choice.leave_out(one, error.problem)
            else:
                choice.use(one)
                slices.append(one)
                break
    choice.slices[:] = slices
    return found


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


def _as_stored(slices: Sequence[Acquisition], frames: list[list[Frame]], rules: PixelRules) -> CineStack:
    stack = make_stack(slices, frames, rules)
    times = np.full(stack.pixels.shape[:2], np.nan)
    for index, cine in enumerate(slices):
        times[index, : len(cine.images)] = [image.trigger_time for image in cine.images]
    first = slices[0].images[0]
    corners = [
        stack.grid.moved(np.array(image.position), np.array(image.orientation), first.spacing)
        for image in (cine.images[0] for cine in slices)
    ]
    return CineStack(
        pixels=stack.pixels,
        n_frames=np.array([len(cine.images) for cine in slices], dtype=np.int32),
        pixel_spacing=stack.grid.spacing,
        slice_thickness=first.thickness if 0 < first.thickness < _THICKEST else math.nan,
        image_orientation=np.array(first.orientation, dtype=np.float64),
        image_position=np.array(corners, dtype=np.float64),
        trigger_time=times,
        intensity_window=stack.window,
        intensity_percentiles=PERCENTILES if rules.bits == 8 else None,
    )
