"""Looking at one study: finding it, contact sheets, films."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preprocess.faces import face

if TYPE_CHECKING:
    from preprocess.inspection.films import Film as Film
    from preprocess.inspection.films import write_gif as write_gif
    from preprocess.inspection.films import write_mp4 as write_mp4
    from preprocess.inspection.lookup import find_study as find_study
    from preprocess.inspection.lookup import load_study as load_study
    from preprocess.inspection.study_pictures import write_pictures as write_pictures
else:
    __all__, __getattr__, __dir__ = face(
        __name__,
        films="Film write_gif write_mp4",
        lookup="find_study load_study",
        study_pictures="write_pictures",
    )
