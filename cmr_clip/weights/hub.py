"""Exported folders from the Hugging Face hub; a local folder needs no network."""

from __future__ import annotations

import re
from pathlib import Path

from cmr_clip.errors import CmrClipError
from cmr_clip.models.video_model import VideoModel
from cmr_clip.weights.folder import CONFIG, MODEL_FILE, PREPROCESSING, TOKENIZER
from cmr_clip.weights.video import load_pretrained

__all__ = ["fetch", "from_pretrained"]

_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")


def fetch(name: str | Path, revision: str | None = None) -> Path:
    """The local folder of an export: as it is, or downloaded once and kept in the hub's cache.

    Nothing that the folder names is imported or executed. The result suits `load_pretrained`, `load_study_model` and
    `load_contrastive`.

    Args:
        name: a folder (comes before a hub name of the same spelling), or `owner/model` on the hub.
        revision: branch, tag or commit on the hub.

    Raises:
        CmrClipError: neither a folder nor to be had from the hub.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    if not _NAME.fullmatch(str(name)):
        raise CmrClipError(f"no folder {name}", "give a folder made by cmr-clip export, or owner/model on the hub")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    patterns = [MODEL_FILE, CONFIG, PREPROCESSING, f"{TOKENIZER}/*"]
    try:
        return Path(snapshot_download(str(name), revision=revision, allow_patterns=patterns))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise CmrClipError(
            f"{name} is no folder and cannot be had from the hub: {type(error).__name__}",
            "check the name; without internet, copy the exported folder and give its path",
        ) from error


def from_pretrained(name: str | Path, *, revision: str | None = None) -> VideoModel:
    """The video model of an exported folder, local or on the hub, in evaluation mode.

    Raises:
        CmrClipError: not to be had, or no valid export.
        CheckpointMismatchError: its files do not belong together.
    """
    folder = fetch(name, revision)
    if not (folder / CONFIG).is_file():
        raise CmrClipError(f"{name} has no {CONFIG}", "it must be a folder made by cmr-clip export")
    model, _ = load_pretrained(folder)
    return model
