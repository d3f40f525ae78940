"""The exported folder: what lies in it, and reading it with every check that can be made.

`model.safetensors` holds the tensors, `config.json` the model's description, `preprocessing.json` what a stranger
needs to feed it. `config.json` is written last and holds the hashes of the other two, so that a half-written or
hand-mixed folder is refused.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor

from cmr_clip.errors import CheckpointMismatchError, CmrClipError
from cmr_clip.weights.files import reading_weights, require_usable
from preprocess.errors import MachineError, machine_fault
from preprocess.reports.tokenizer import load_tokenizer

__all__ = [
    "CONFIG",
    "FORMAT",
    "MODEL_FILE",
    "PREPROCESSING",
    "TOKENIZER",
    "FolderContent",
    "file_sha256",
    "is_weight_folder",
    "read_weight_folder",
]

MODEL_FILE, CONFIG, PREPROCESSING, TOKENIZER = "model.safetensors", "config.json", "preprocessing.json", "tokenizer"
FORMAT = "cmr-clip weights, version 1"
_REMEDY = "export it again with cmr-clip export"


@dataclass(frozen=True)
class FolderContent:
    """What an exported folder says.

    Attributes:
        config: the model's description.
        preprocessing: `clip` (fields of `ClipSpec`), `views`, `labels`, `tokenizer`.
        state: the tensors.
        tokenizer: folder of the tokenizer's files, if they were exported.
    """

    config: dict[str, Any]
    preprocessing: dict[str, Any]
    state: dict[str, Tensor]
    tokenizer: Path | None


def file_sha256(path: Path) -> str:
    """SHA-256 of a file."""
    digest = hashlib.sha256()
    with reading_weights(path), path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def is_weight_folder(path: Path) -> bool:
    """Whether a path is a folder, which is then read as an exported one."""
    return path.is_dir()


def read_weight_folder(folder: Path) -> FolderContent:
    """Read and check an exported folder.

    Raises:
        CmrClipError: a file is missing or damaged, or of another format.
        CheckpointMismatchError: files do not belong together.
    """
    for name in (CONFIG, MODEL_FILE, PREPROCESSING):
        if not (folder / name).is_file():
            raise CmrClipError(f"{folder} is no folder of exported weights: it has no {name}", _REMEDY)
    config, preprocessing = _read_json(folder / CONFIG), _read_json(folder / PREPROCESSING)
    _check_fields(folder, config, preprocessing)
    for name, wanted in config["sha256"].items():
        if not (folder / name).is_file() or file_sha256(folder / name) != wanted:
            raise CheckpointMismatchError(f"{folder / name} is not the file that {CONFIG} was written for", _REMEDY)
    labels = [head["target"] for head in config["heads"]]
    if labels != preprocessing["labels"]:
        named = preprocessing["labels"]
        raise CheckpointMismatchError(
            f"{folder / PREPROCESSING} names the labels {named}, {CONFIG} the heads {labels}", _REMEDY
        )
    with reading_weights(folder / MODEL_FILE):
        state = load_file(folder / MODEL_FILE)
    require_usable(state, folder / MODEL_FILE)
    return FolderContent(config, preprocessing, state, _tokenizer_of(folder, preprocessing))


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MachineError(f"{path} cannot be read: {machine_fault(error)}") from error
    except (ValueError, RecursionError) as error:
        raise CmrClipError(f"{path} is no JSON: {error}", _REMEDY) from error
    if not isinstance(content, dict):
        raise CmrClipError(f"{path} holds no fields", _REMEDY)
    return content


def _check_fields(folder: Path, config: dict[str, Any], preprocessing: dict[str, Any]) -> None:
    if config.get("format") != FORMAT:
        raise CmrClipError(
            f"{folder / CONFIG} has format {config.get('format')!r}, not {FORMAT!r}",
            "install the cmr-clip that wrote it, or export the checkpoint again",
        )
    for name in ("video_encoder", "embed_dim", "sha256", "heads"):
        if name not in config:
            raise CmrClipError(f"{folder / CONFIG} has no field {name}", _REMEDY)
    for name in ("clip", "views", "labels", "tokenizer"):
        if name not in preprocessing:
            raise CmrClipError(f"{folder / PREPROCESSING} has no field {name}", _REMEDY)
    hashes = config["sha256"]
    if not isinstance(hashes, dict) or not {MODEL_FILE, PREPROCESSING} <= set(hashes):
        raise CmrClipError(f"{folder / CONFIG} lacks the hash of {MODEL_FILE} or {PREPROCESSING}", _REMEDY)


def _tokenizer_of(folder: Path, preprocessing: dict[str, Any]) -> Path | None:
    place, said = folder / TOKENIZER, preprocessing["tokenizer"]
    if not place.is_dir():
        return None
    if said and said.get("sha256") not in (None, load_tokenizer(str(place)).sha256):
        raise CheckpointMismatchError(f"{place} has another vocabulary than {PREPROCESSING} says", _REMEDY)
    return place
