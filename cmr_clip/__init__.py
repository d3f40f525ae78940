"""Video-text pretraining and attention-MIL heads for cardiac MRI.

The names below are imported when they are first used: importing `cmr_clip` needs no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cmr_clip.models.study_model import StudyModel, StudyResult
    from cmr_clip.models.video_model import VideoModel
    from cmr_clip.weights.hub import fetch, from_pretrained
    from cmr_clip.weights.pair import LoadedPair, load_contrastive
    from cmr_clip.weights.receipt import LoadReport
    from cmr_clip.weights.study import load_study_model
    from cmr_clip.weights.video import load_pretrained

__all__ = [
    "LoadReport",
    "LoadedPair",
    "StudyModel",
    "StudyResult",
    "VideoModel",
    "fetch",
    "from_pretrained",
    "load_contrastive",
    "load_pretrained",
    "load_study_model",
]

__version__ = "0.3.0"

_PLACES = {
    "LoadReport": "weights.receipt",
    "LoadedPair": "weights.pair",
    "StudyModel": "models.study_model",
    "StudyResult": "models.study_model",
    "VideoModel": "models.video_model",
    "fetch": "weights.hub",
    "from_pretrained": "weights.hub",
    "load_contrastive": "weights.pair",
    "load_pretrained": "weights.video",
    "load_study_model": "weights.study",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
