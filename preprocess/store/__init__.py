"""The contract: a study's values and file, its hashes and intensities, the manifest and the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preprocess.faces import face

if TYPE_CHECKING:
    from preprocess.store.hashes import study_sha256 as study_sha256
    from preprocess.store.ledger import read_ledger as read_ledger
    from preprocess.store.ledger import read_records as read_records
    from preprocess.store.manifest import build_manifest as build_manifest
    from preprocess.store.manifest import manifest_pieces as manifest_pieces
    from preprocess.store.manifest import read_manifest as read_manifest
    from preprocess.store.manifest import write_manifest as write_manifest
    from preprocess.store.study import CineStack as CineStack
    from preprocess.store.study import Study as Study
    from preprocess.store.study import StudyInfo as StudyInfo
    from preprocess.store.study_file import open_study as open_study
    from preprocess.store.study_file import read_clip as read_clip
    from preprocess.store.study_file import read_study as read_study
    from preprocess.store.study_file import studies_in as studies_in
    from preprocess.store.study_file import study_path as study_path
    from preprocess.store.study_file import write_study as write_study
    from preprocess.store.views import View as View
else:
    __all__, __getattr__, __dir__ = face(
        __name__,
        hashes="study_sha256",
        ledger="read_ledger read_records",
        manifest="build_manifest manifest_pieces read_manifest write_manifest",
        study="CineStack Study StudyInfo",
        study_file="open_study read_clip read_study studies_in study_path write_study",
        views="View",
    )
