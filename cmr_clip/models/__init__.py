"""Encoders, projections and heads, and their weights: plain modules without Lightning.

The names below are imported when they are first used, so that a module of this package alone stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cmr_clip.models.hub import fetch, from_pretrained
    from cmr_clip.models.pretrained import VideoModel, load_pretrained
    from cmr_clip.models.pretrained_pair import LoadedPair, load_contrastive
    from cmr_clip.models.receipt import LoadReport
    from cmr_clip.models.study_model import StudyModel, StudyResult, load_study_model

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

_PLACES = {
    "LoadReport": "receipt",
    "LoadedPair": "pretrained_pair",
    "StudyModel": "study_model",
    "StudyResult": "study_model",
    "VideoModel": "pretrained",
    "fetch": "hub",
    "from_pretrained": "hub",
    "load_contrastive": "pretrained_pair",
    "load_pretrained": "pretrained",
    "load_study_model": "study_model",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
