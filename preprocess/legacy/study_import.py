"""One legacy file from slices to a stored study and ledger rows: what a worker of `import-legacy` does."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from preprocess.cines.series import no_cine
from preprocess.conversion.job import Job
from preprocess.conversion.records import ALREADY_STORED, new_record, with_studies
from preprocess.conversion.series_rows import series_row, why_no_view
from preprocess.errors import PreprocessError
from preprocess.legacy.legacy_file import Frames, LegacyFile, open_legacy
from preprocess.legacy.view_map import LegacyStack, Names, Part, ranked
from preprocess.privacy.crosswalk import crosswalk_lines
from preprocess.sources.finding import Source
from preprocess.sources.nifti.window import window
from preprocess.store.ledger import STORED, Record, Row
from preprocess.store.study import CineStack, Study
from preprocess.store.study_file import study_path, write_study
from preprocess.store.views import View
from preprocess.system.clock import Clock, TimeUpError
from preprocess.system.files import remove_stale

__all__ = ["LegacyJob", "identity", "import_file"]

_LOST = "files that the legacy tool counted and could not read"
_OTHER = "another {} series was used (better evidence or more complete)"
_UNKNOWN = (math.nan, math.nan)
_BYTES_PER_PIXEL = 16  # float32 as read, joined, ordered for the percentiles, and the result


@dataclass(frozen=True)
class LegacyJob:
    """Options of an import.

    Attributes:
        job: store, key, bits and limits, as for a conversion.
        names: how the names of series are judged.
        pixel_spacing: mm, of the pixels as they lie in the files; NaN where unknown.
    """

    job: Job
    names: Names = field(default_factory=Names)
    pixel_spacing: float = math.nan

    @property
    def options(self) -> str:
        """Whatever changes how a file is imported: with other options it is imported again."""
        return repr(("import-legacy", self.names.options, self.pixel_spacing))


def identity(path: Path) -> tuple[str, str]:
    """What stands for patient and study: the folder `<institution>_<mrn>` and the file's stem, as in master tables."""
    return path.parent.name, path.stem


def import_file(source: Source, legacy: LegacyJob) -> Record:
    """Import one file. A problem with it becomes ledger rows and never an exception."""
    job = legacy.job
    record, (path,) = new_record(source, job.key, legacy.options), source.paths
    patient_id, study_id = identity(path)
    keys = job.key.patient(patient_id), job.key.study(patient_id, study_id)
    blank = Row(record.source, *keys)
    if keys in job.claimed:
        return replace(record, known=1, rows=(replace(blank, n_files=1, reason=ALREADY_STORED),))
    if job.with_crosswalk:
        record = replace(record, crosswalk=crosswalk_lines(job.key, source.name, [(patient_id, study_id)]))
    with Clock(job.timeout_s) as clock:
        try:
            with open_legacy(path) as file:
                rows = _Import(file, legacy, blank, clock).study()
        except (PreprocessError, TimeUpError) as error:
            fingerprint = "" if isinstance(error, TimeUpError) else record.fingerprint
            failed = replace(blank, n_files=1, reason=job.why(error))
            return replace(record, fingerprint=fingerprint, rows=(failed,))
    stored = [keys] if any(row.outcome == STORED for row in rows) else []
    return replace(with_studies(record, job.store, stored), seen=(keys,), rows=tuple(rows))


@dataclass(frozen=True)
class _Import:
    file: LegacyFile
    legacy: LegacyJob
    blank: Row
    clock: Clock

    def study(self) -> list[Row]:
        """Store what can be stored; a row for every series, and for every slice and file that is missing."""
        parts = [Part(header, self.legacy.names.judge(name)) for name, header in self.file.headers.items()]
        rows = self._rows_of_no_view(parts)
        stacks: dict[View, CineStack] = {}
        for view in View:
            candidates = ranked(view, [part for part in parts if part.decision.view is view])
            stack, view_rows = self._view(view, candidates)
            rows += view_rows
            if stack is not None:
                stacks[view] = stack
        if stacks:
            job = self.legacy.job
            remove_stale(study_path(job.store, self.blank.patient, self.blank.study))
            write_study(job.store, Study(self.blank.patient, self.blank.study, stacks))
        return rows

    def _rows_of_no_view(self, parts: Sequence[Part]) -> list[Row]:
        """Rows of what is damaged, of series without a view, and of source files that the tool could not read."""
        rows = [self._row(name, reason=problem.problem) for name, problem in self.file.problems.items()]
        if not parts and not rows:
            rows.append(replace(self.blank, n_files=1, reason="empty: no series in it"))
        nothing = [part for part in parts if part.decision.view is None]
        rows += [
            self._part_row(part, why_no_view(part.decision, no_cine(max(part.header.n_frames)))) for part in nothing
        ]
        lost = {part.header.name: part.header.n_files - part.header.bounds[-1] for part in parts}
        return rows + [self._row(name, n_files=n, reason=_LOST) for name, n in lost.items() if n > 0]

    def _view(self, view: View, candidates: Sequence[LegacyStack]) -> tuple[CineStack | None, list[Row]]:
        """The best candidate that can be read, and the rows of all."""
        chosen: CineStack | None = None
        rows: list[Row] = []
        for stack in candidates:
            problem = _OTHER.format(view.value) if chosen is not None else ""
            if not stack.used:
                rows += self._nothing_used(stack)
                continue
            if not problem:
                try:
                    chosen = self._read(stack)
                except PreprocessError as error:
                    problem = error.problem
            rows += [self._part_row(part, problem or stack.why_unused(part)) for part in stack.parts]
            if not problem:
                rows += [self._slice_row(*left) for left in stack.left_out if stack.uses(left[0])]
        return chosen, rows

    def _read(self, stack: LegacyStack) -> CineStack:
        """The slices that are used, in one window; space and times are unknown."""
        n_read = sum(part.header.n_frames[index] for part, index in stack.used)
        rows, cols = stack.parts[0].header.size
        budget = self.legacy.job.memory_mb << 20
        if _BYTES_PER_PIXEL * n_read * rows * cols > budget:
            raise PreprocessError(f"series needs more than {budget >> 20} MB of memory (raise --memory)")
        is_grey8 = stack.parts[0].header.is_grey8
        if is_grey8 and self.legacy.job.bits == 16:
            raise PreprocessError("scaled to 8 bits by the legacy tool: the scanner's values are lost (import 8 bits)")
        slices: list[Frames] = []
        for part, index in stack.used:
            self.clock.tick()
            slices += self.file.read(part.header.name, (index,)).slices
        n_frames = np.array([len(frames) for frames in slices], dtype=np.int32)
        every: npt.NDArray[Any] = np.concatenate(slices)
        slices.clear()
        limits = _UNKNOWN
        if not is_grey8:
            stacked, limits = window(every[None], 1.0, 0.0, self.legacy.job.bits)
            every = stacked[0]
        pixels = np.zeros((len(n_frames), int(n_frames.max()), *every.shape[1:]), dtype=every.dtype)
        for index, frames in enumerate(np.split(every, np.cumsum(n_frames)[:-1])):
            pixels[index, : len(frames)] = frames
        spacing = self.legacy.pixel_spacing
        return CineStack(
            pixels=pixels,
            n_frames=n_frames,
            pixel_spacing=(spacing, spacing),
            slice_thickness=math.nan,
            image_orientation=np.full(6, math.nan),
            image_position=np.full((len(n_frames), 3), math.nan),
            trigger_time=np.full(pixels.shape[:2], math.nan),
            intensity_window=limits,
        )

    def _nothing_used(self, stack: LegacyStack) -> list[Row]:
        """A row for each series, with the reason of its longest slice."""
        ordered = sorted(stack.left_out, key=lambda left: left[0].header.n_frames[left[1]])
        reasons = {part.header.number: reason for part, _, reason in ordered}
        return [self._part_row(part, reasons[part.header.number]) for part in stack.parts]

    def _row(self, name: str, **values: object) -> Row:
        safe = name.encode("utf-8", "replace").decode()
        series = self.legacy.job.key.source(f"{self.blank.study}\n{safe}")
        filled: Row = replace(self.blank, series=series, **values)  # type: ignore[arg-type]
        return filled

    def _part_row(self, part: Part, problem: str) -> Row:
        """A row for a whole series; `problem` is empty where it was stored."""
        n_frames = part.header.n_frames
        return series_row(self._row(part.header.name), part.decision, problem, sum(n_frames), max(n_frames))

    def _slice_row(self, part: Part, index: int, reason: str) -> Row:
        n_frames = part.header.n_frames
        where = f"{reason} (slice {index + 1} of {len(n_frames)} in the file)"
        return series_row(self._row(part.header.name), part.decision, where, n_frames[index], n_frames[index])
