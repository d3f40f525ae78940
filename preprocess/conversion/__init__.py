"""From sources to a filled store: survey, choice of series, pixels, records, tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preprocess.faces import face

if TYPE_CHECKING:
    from preprocess.conversion.dicom_run import convert as convert
    from preprocess.conversion.job import Job as Job
    from preprocess.conversion.outcome import Outcome as Outcome
    from preprocess.conversion.records import new_record as new_record
    from preprocess.conversion.records import with_studies as with_studies
    from preprocess.conversion.run import Found as Found
    from preprocess.conversion.run import Importer as Importer
    from preprocess.conversion.run import fill_store as fill_store
else:
    __all__, __getattr__, __dir__ = face(
        __name__,
        dicom_run="convert",
        job="Job",
        outcome="Outcome",
        records="new_record with_studies",
        run="Found Importer fill_store",
    )
