"""Weights out: a folder that a stranger can load, feed and understand."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from cmr_clip import __version__
from cmr_clip.errors import CmrClipError
from cmr_clip.models.heads import Head
from cmr_clip.weights.authors import AUTHORS_VIEWS, LICENCE, ORIGINS
from cmr_clip.weights.exporting.model_card import model_card
from cmr_clip.weights.exporting.tokenizer_files import ExportedTokenizer, public_source, write_tokenizer
from cmr_clip.weights.fine_tuned import build_study_model
from cmr_clip.weights.folder import CONFIG, FORMAT, MODEL_FILE, PREPROCESSING, TOKENIZER, file_sha256
from cmr_clip.weights.pair import build_pair
from cmr_clip.weights.sources import Weights
from cmr_clip.weights.video import build_video_model
from preprocess.system.files import replacing, write_text

__all__ = ["ExportedParts", "export_weights", "exported_parts"]

_CARD, _ONNX = "README.md", "model.onnx"


@dataclass(frozen=True)
class ExportedParts:
    """What of a model goes into the folder.

    Attributes:
        state: tensors of the whole model.
        heads: descriptions of its heads, in order; empty without.
        text_encoder: description of its text tower; None without.
    """

    state: dict[str, Tensor]
    heads: list[dict[str, Any]]
    text_encoder: dict[str, Any] | None


def exported_parts(weights: Weights) -> ExportedParts:
    """Build whatever the weights hold, so that only whole models leave, and take its tensors.

    Raises:
        CmrClipError: there is no projection, or a part does not describe itself.
        CheckpointMismatchError: a part is not whole.
    """
    if not weights.has_projection:
        raise CmrClipError(
            f"{weights.path} has no projection into the embedding space ({weights.origin})",
            "export a model that was trained with reports; weights of an encoder alone load as they are",
        )
    if any(name.startswith("classifier_head.") for name in weights.state):
        study, _ = build_study_model(weights)
        heads = [head.description() for head in study.heads if isinstance(head, Head)]
        return ExportedParts(dict(study.state_dict()), heads, None)
    if any(name.startswith("text_encoder.") for name in weights.state) and weights.origin != "authors_contrastive":
        model = build_pair(weights).model
        state = dict(model.state_dict())
        if "log_temperature" in weights.state:
            state["log_temperature"] = weights.state["log_temperature"]
        return ExportedParts(state, [], model.text_encoder.description())
    video, _ = build_video_model(weights)
    return ExportedParts(dict(video.state_dict()), [], None)


def export_weights(weights: Weights, out: Path, *, licence: str | None = None, notes: str | None = None) -> list[Path]:
    """Write `model.safetensors`, `config.json`, `preprocessing.json`, `README.md` and a text tower's tokenizer.

    `config.json` comes last and names the others' hashes: what was interrupted is no valid folder.

    Args:
        weights: of any origin that has a projection.
        out: folder to make, or an earlier export to replace.
        licence: under which the weights may be used; for weights of the paper's authors theirs by default.
        notes: Markdown for the model card: what the model was trained on, and its limits.

    Returns:
        The files written.

    Raises:
        CmrClipError: nothing whole to export, or the folder holds other things.
    """
    parts = exported_parts(weights)
    _clear(out)
    with replacing(out / MODEL_FILE) as temporary:
        save_file(_apart(parts.state), temporary, {"format": "pt"})
        temporary.chmod(0o644)  # the library writes for its owner alone
    source = None if parts.text_encoder is None else str(parts.text_encoder["source"])
    tokenizer = None if source is None else write_tokenizer(weights.tokenizer or source, source, out / TOKENIZER)
    preprocessing = _preprocessing(weights, parts, tokenizer)
    write_text(out / PREPROCESSING, _json(preprocessing))
    config = _config(weights, parts)
    theirs = LICENCE if _made_from(weights) in ORIGINS else None
    card = model_card(config, preprocessing, licence or theirs, notes)
    write_text(out / _CARD, card)
    hashes = {name: file_sha256(out / name) for name in (MODEL_FILE, PREPROCESSING)}
    write_text(out / CONFIG, _json({**config, "sha256": hashes}))
    files = [out / name for name in (MODEL_FILE, CONFIG, PREPROCESSING, _CARD)]
    return [*files, *(() if tokenizer is None else tokenizer.files)]


def _apart(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of any shape that share no memory, as the format wants them: tied weights are written under each name."""
    seen: set[int] = set()
    out = {}
    for name, value in state.items():
        out[name] = value.contiguous().clone() if value.data_ptr() in seen else value.contiguous()
        seen.add(value.data_ptr())
    return out


def _clear(out: Path) -> None:
    """Take away an earlier export, its `config.json` first; refuse a folder of other things."""
    if not out.exists():
        return
    own = {MODEL_FILE, CONFIG, PREPROCESSING, TOKENIZER, _CARD, _ONNX}
    if not out.is_dir() or {path.name for path in out.iterdir()} - own:
        raise CmrClipError(f"{out} is there and holds other things than an export", "choose a new folder")
    for name in (CONFIG, _ONNX):
        (out / name).unlink(missing_ok=True)
    shutil.rmtree(out / TOKENIZER, ignore_errors=True)


def _made_from(weights: Weights) -> str:
    """The first origin, also where an export is exported again."""
    return str(weights.described.get("made_from", weights.origin))


def _config(weights: Weights, parts: ExportedParts) -> dict[str, Any]:
    text = parts.text_encoder
    return {
        "format": FORMAT,
        "cmr_clip_version": __version__,
        "made_from": _made_from(weights),
        "task": weights.described.get("task"),
        "legacy_positional_embeddings": bool(weights.described.get("legacy_positional_embeddings")),
        "video_encoder": weights.encoder.plain(),
        "embed_dim": len(parts.state["video_proj.bias"]),
        "text_encoder": None if text is None else {**text, "source": public_source(str(text["source"]))},
        "heads": parts.heads,
    }


def _preprocessing(weights: Weights, parts: ExportedParts, tokenizer: ExportedTokenizer | None) -> dict[str, Any]:
    spec = weights.preprocessing
    side = f"{spec.field_of_view_mm:g} mm" if spec.field_of_view_mm else f"{spec.crop:.4f} of the shorter side"
    averaging = "averaging where the image shrinks" if spec.averaging else "without averaging"
    steps = [
        f"one slice's cine, grey, {spec.n_frames} frames at floor(i * (total - 1) / {max(spec.n_frames - 1, 1)})",
        "8-bit grey values divided by 255",
        f"central square of {side}, resized bilinearly to {spec.size} x {spec.size}, {averaging}",
        f"(x - {spec.mean:g}) / {spec.std:g}",
        "one channel, or the same three times: [batch, channel, frame, row, column]",
    ]
    return {
        "clip": asdict(spec),
        "steps": steps,
        "views": weights.described.get("views", list(AUTHORS_VIEWS) if _made_from(weights) in ORIGINS else None),
        "labels": [head["target"] for head in parts.heads],
        "tokenizer": None if tokenizer is None else {"source": tokenizer.source, "sha256": tokenizer.sha256},
    }


def _json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=2) + "\n"
