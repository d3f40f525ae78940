"""One source from bytes to stored studies and ledger rows: the whole of what a worker does."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from preprocess.conversion.dicom_study import convert_study
from preprocess.conversion.job import Job
from preprocess.conversion.records import ALREADY_STORED, new_record, with_studies
from preprocess.conversion.survey import StudyFiles, StudyId, Survey, survey, with_pixels
from preprocess.conversion.volume_study import convert_volumes
from preprocess.dicom.elements import quiet_pydicom
from preprocess.errors import PreprocessError
from preprocess.privacy.crosswalk import crosswalk_lines
from preprocess.sources.finding import Source
from preprocess.store.ledger import STORED, Record, Row
from preprocess.system.clock import Clock, TimeUpError

__all__ = ["Job", "process_source"]

_KNOWN = f"{ALREADY_STORED} (give all its sources in one run to merge them)"
_BESIDE = "DICOM beside the volumes of a study: not used"


def process_source(source: Source, job: Job) -> Record:
    """Convert every study of a source. A problem with the input becomes ledger rows and never an exception."""
    record = new_record(source, job.key, job.options)
    blank = Row(record.source)
    with quiet_pydicom(), Clock(job.timeout_s) as clock:
        try:
            found = survey(source, job, clock)
        except (PreprocessError, TimeUpError) as error:
            clock.start()
            fingerprint = "" if isinstance(error, TimeUpError) else record.fingerprint
            return replace(record, fingerprint=fingerprint, rows=(replace(blank, reason=job.why(error)),))
        work = _Work(blank, job, clock)
        try:
            work.convert(found, source)
        except (PreprocessError, TimeUpError) as error:  # the source changed, or hangs, when read again
            clock.start()
            work.give_up(replace(blank, reason=job.why(error)))
    file_rows = [Row(record.source, n_files=count, reason=reason) for reason, count in found.problems.items()]
    if not found.studies and not found.problems:
        file_rows.append(Row(record.source, reason="empty: no files in it"))
    return replace(
        with_studies(record, job.store, work.stored),
        fingerprint="" if work.is_partial else record.fingerprint,
        seen=tuple(work.seen),
        rows=(*file_rows, *work.rows),
        known=work.n_known,
        crosswalk=crosswalk_lines(job.key, source.name, found.studies) if job.with_crosswalk else (),
    )


@dataclass
class _Work:
    """The studies of a source, one after the other.

    Attributes:
        blank: a ledger row with the source filled in.
        stored: keys of the studies that are in the store now.
        seen: keys of all studies of the source that this run is to convert.
        n_known: studies that the store has from elsewhere.
        is_partial: something was given up; a later run tries again.
    """

    blank: Row
    job: Job
    clock: Clock
    rows: list[Row] = field(default_factory=list)
    stored: list[tuple[str, str]] = field(default_factory=list)
    seen: list[tuple[str, str]] = field(default_factory=list)
    n_known: int = 0
    is_partial: bool = False

    def convert(self, found: Survey, source: Source) -> None:
        """Convert what is the source's own."""
        for study in [study for study in sorted(found.studies) if not self._is_ours(study, found.studies[study])]:
            del found.studies[study]
        for study, files in with_pixels(found, source, self.job, self.clock):
            self.clock.start()
            blank = self._row(study)
            n_files = len(found.studies[study].places)
            try:
                if files is None:
                    reason = f"study needs more than {self.job.memory_mb} MB of memory (raise --memory)"
                    rows = [replace(blank, n_files=n_files, reason=reason)]
                elif files.volumes:
                    rows = convert_volumes(files.volumes, blank, self.job)
                    if files.images:
                        rows.append(replace(blank, n_files=len(files.images), reason=_BESIDE))
                else:
                    rows = convert_study(files.images, blank, self.job)
            except TimeUpError as error:
                self.clock.start()
                self.give_up(replace(blank, n_files=n_files, reason=self.job.why(error)))
                continue
            self.rows += rows
            if any(row.outcome == STORED for row in rows):
                self.stored.append((blank.patient, blank.study))

    def give_up(self, row: Row) -> None:
        """Leave something out that a later run is to try again."""
        self.is_partial = True
        self.rows.append(row)

    def _row(self, study: StudyId) -> Row:
        return replace(self.blank, patient=self.job.key.patient(study[0]), study=self.job.key.study(*study))

    def _is_ours(self, study: StudyId, files: StudyFiles) -> bool:
        """True for a study to convert; the others get their row."""
        if not all(study):
            reason = "no PatientID or no study identifier"
            self.rows.append(replace(self.blank, n_files=len(files.images), reason=reason))
            return False
        row = self._row(study)
        if (row.patient, row.study) in self.job.claimed:
            self.rows.append(replace(row, n_files=len(files.images) + len(files.volumes), reason=_KNOWN))
            self.n_known += 1
            return False
        self.seen.append((row.patient, row.study))
        return True
