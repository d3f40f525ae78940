"""One study from frames to a stored file and ledger rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from preprocess.cines.facts import study_info
from preprocess.cines.pixels import PixelRules, cine_stack, decode_slice, require_size
from preprocess.cines.series import MIN_PHASES, acquisitions, split_series, why_no_cine
from preprocess.cines.windows import Pixels
from preprocess.conversion.choosing import Candidate, Choice, Slot, choose
from preprocess.conversion.job import Job
from preprocess.conversion.series_rows import merged_rows, series_row, why_no_view
from preprocess.dicom.frame import Frame
from preprocess.errors import PreprocessError
from preprocess.recognition.flow import mark_flow
from preprocess.recognition.recognise import recognise
from preprocess.store.ledger import Row
from preprocess.store.study import CineStack, Study
from preprocess.store.study_file import study_path, write_study
from preprocess.store.views import View
from preprocess.system.files import remove_stale

__all__ = ["Job", "convert_study"]


def convert_study(images: list[Frame], blank: Row, job: Job) -> list[Row]:
    """Recognise, choose, decode and write one study.

    Args:
        images: all frames of the study.
        blank: a ledger row with source, patient and study filled in.
        job: options.

    Returns:
        A row per series and per position that was left out.
    """
    series = mark_flow(split_series(images))
    cines = [tuple(acquisitions(group)) for group in series]
    is_cine = [any(len(cine.images) >= MIN_PHASES for cine in group) for group in cines]
    candidates = list(map(Candidate, series, cines, recognise(series, is_cine, job.site)))
    rows = [
        _series_row(candidate, blank, job, why_no_view(candidate.decision, why_no_cine(candidate.cines)))
        for candidate in candidates
        if candidate.decision.view is None
    ]
    stacks: dict[View, CineStack] = {}
    for view in View:
        group = [candidate for candidate in candidates if candidate.decision.view is view]
        if group:
            choice, stack = _decided(choose(view, group), job.pixel_rules)
            rows += _view_rows(group, choice, blank, job)
            if stack is not None:
                stacks[view] = stack
    if stacks:
        remove_stale(study_path(job.store, blank.patient, blank.study))
        write_study(job.store, Study(blank.patient, blank.study, stacks, study_info(images, job.keep_age_sex)))
    return merged_rows(rows)


def _decided(choice: Choice, rules: PixelRules) -> tuple[Choice, CineStack | None]:
    """A choice decoded: what cannot be stored is among those left out, with the reason."""
    if not choice.slices:
        return choice, None
    try:
        require_size(choice.cines, rules)
        choice, frames = _decoded(choice)
        return choice, cine_stack(choice.cines, frames, rules) if frames else None
    except PreprocessError as error:
        left_out = {**choice.left_out, **dict.fromkeys(choice.cines, error.problem)}
        return replace(choice, slices=(), left_out=left_out), None


def _decoded(choice: Choice) -> tuple[Choice, list[list[Pixels]]]:
    """The pixels of each slice; one that cannot be decoded gives way to its best spare, or is left out.

    Returns:
        The choice of what was decoded, and its frames.
    """
    slices: list[Slot] = []
    found: list[list[Pixels]] = []
    left_out = dict(choice.left_out)
    for slot in choice.slices:
        cines = (slot.best, *slot.spares)
        for number, cine in enumerate(cines, start=1):
            left_out.pop(cine, None)
            try:
                found.append(decode_slice(cine))
            except PreprocessError as error:
                left_out[cine] = error.problem
            else:
                slices.append(Slot(cine, cines[number:]))
                break
    return replace(choice, slices=tuple(slices), left_out=left_out), found


def _view_rows(group: Sequence[Candidate], choice: Choice, blank: Row, job: Job) -> list[Row]:
    """A row for each series of a view, and for each of its slices that was left out."""
    rows: list[Row] = []
    for candidate in group:
        if candidate in choice.rejected:
            rows.append(_series_row(candidate, blank, job, choice.rejected[candidate]))
            continue
        own = set(candidate.cines)
        left_out = [(cine, reason) for cine, reason in choice.left_out.items() if cine in own]
        problem = left_out[0][1] if left_out else "no slice of it was used"
        rows.append(_series_row(candidate, blank, job, "" if own.intersection(choice.cines) else problem))
        series = job.key.source(candidate.series.first.series_uid)
        for cine, reason in left_out:
            at_position = replace(blank, series=series, position_mm=round(cine.position, 2))
            rows.append(series_row(at_position, candidate.decision, reason, len(cine.images), len(cine.images)))
    return rows


def _series_row(candidate: Candidate, blank: Row, job: Job, problem: str) -> Row:
    """A row for a whole series; `problem` is empty where it was stored."""
    series = job.key.source(candidate.series.first.series_uid)
    n_frames = max(len(cine.images) for cine in candidate.cines)
    return series_row(
        replace(blank, series=series), candidate.decision, problem, len(candidate.series.images), n_frames
    )
