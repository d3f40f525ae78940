"""Video-text pretraining and attention-MIL heads for cardiac MRI.

The names below are imported when they are first used: importing `cmr_clip` needs no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from preprocess.faces import face

if TYPE_CHECKING:
    from cmr_clip.models.study_model import StudyModel as StudyModel
    from cmr_clip.models.study_model import StudyResult as StudyResult
    from cmr_clip.models.video_model import VideoModel as VideoModel
    from cmr_clip.weights.fine_tuned import load_study_model as load_study_model
    from cmr_clip.weights.hub import fetch as fetch
    from cmr_clip.weights.hub import from_pretrained as from_pretrained
    from cmr_clip.weights.pair import LoadedPair as LoadedPair
    from cmr_clip.weights.pair import load_contrastive as load_contrastive
    from cmr_clip.weights.receipt import LoadReport as LoadReport
    from cmr_clip.weights.video import load_pretrained as load_pretrained
else:
    __all__, __getattr__, __dir__ = face(
        __name__,
        models__study_model="StudyModel StudyResult",
        models__video_model="VideoModel",
        weights__hub="fetch from_pretrained",
        weights__pair="LoadedPair load_contrastive",
        weights__receipt="LoadReport",
        weights__fine_tuned="load_study_model",
        weights__video="load_pretrained",
    )

__version__ = "0.4.0"
