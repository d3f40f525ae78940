"""Any source of weights, read into one form: tensors under our names, the encoder's description, the preprocessing."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from cmr_clip.clips.spec import ClipSpec
from cmr_clip.encoders.registry import EncoderDescription, read_description, recognise
from cmr_clip.errors import CheckpointMismatchError, CmrClipError
from cmr_clip.weights.files import errors_of, read_weights, strip_wrappers, tensors_of
from cmr_clip.weights.folder import is_weight_folder, read_weight_folder

__all__ = ["Weights", "clip_spec", "read_source"]

_PROJECTION = "video_proj."


@dataclass(frozen=True)
class Weights:
    """What a file or folder holds.

    Attributes:
        path: where it was read from.
        origin: whose it is: `cmr_clip`, `exported`, or the name that the encoder of a foreign file gives.
        state: tensors as `video_encoder.*`, `video_proj.*`, `classifier_head.*`, `heads.*`, `text_encoder.*`, ….
        encoder: kind and arguments of the video encoder.
        preprocessing: how a cine becomes a clip for these weights.
        described: what one of our files says of its model; empty for foreign files.
        hyper_parameters: of a foreign Lightning checkpoint.
        ignored: names that were put aside while reading.
        tokenizer: the tokenizer's files in an exported folder.
    """

    path: Path
    origin: str
    state: dict[str, Tensor]
    encoder: EncoderDescription
    preprocessing: ClipSpec
    described: Mapping[str, Any] = field(default_factory=dict)
    hyper_parameters: Mapping[str, Any] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    tokenizer: Path | None = None

    @property
    def has_projection(self) -> bool:
        """Whether it was ever trained to embed; Kinetics weights were not."""
        return any(name.startswith(_PROJECTION) for name in self.state)


def read_source(path: str | Path) -> Weights:
    """Read one of our checkpoints, an exported folder, or a file of another project that some encoder recognises.

    Raises:
        CmrClipError: no such file, not readable safely, or ours and without a description of its model that this
            version understands.
        CheckpointMismatchError: no weights of a known encoder in it, or another architecture.
    """
    place = Path(path)
    if place.name == "model.safetensors":
        place = place.parent
    if is_weight_folder(place):
        return _exported(place)
    checkpoint = read_weights(place)
    if "cmr_clip" in checkpoint:
        return _ours(checkpoint, place)
    return _foreign(checkpoint, place)


def clip_spec(fields: Mapping[str, Any], origin: str) -> ClipSpec:
    """The preprocessing stored with weights.

    Raises:
        CmrClipError: it has fields that this version does not know.
    """
    if not isinstance(fields, Mapping):
        raise CmrClipError(f"the preprocessing of {origin} has no fields", "export or train it again")
    known = {entry.name for entry in dataclasses.fields(ClipSpec)}
    unknown = sorted(set(fields) - known)
    if unknown:
        raise CmrClipError(
            f"the preprocessing of {origin} has unknown fields: {', '.join(unknown)}", "install a newer cmr-clip"
        )
    with errors_of(Path(origin)):
        return ClipSpec(**fields)


def _exported(folder: Path) -> Weights:
    content = read_weight_folder(folder)
    described = {**content.config, "views": content.preprocessing["views"]}
    _check_embed_dim(folder, content.config["embed_dim"], content.state)
    return Weights(
        folder,
        "exported",
        content.state,
        read_description(described["video_encoder"], str(folder)),
        clip_spec(content.preprocessing["clip"], str(folder)),
        described=described,
        tokenizer=content.tokenizer,
    )


def _ours(checkpoint: dict[str, Any], path: Path) -> Weights:
    described = checkpoint["cmr_clip"] if isinstance(checkpoint["cmr_clip"], dict) else {}
    missing = [name for name in ("video_encoder", "embed_dim", "preprocessing") if name not in described]
    if missing:
        raise CmrClipError(
            f"{path} does not describe its encoder: no {', '.join(missing)}",
            "give a checkpoint written by cmr-clip fit",
        )
    state = strip_wrappers(tensors_of(checkpoint, path), str(path))
    spec = clip_spec(described["preprocessing"], str(path))
    encoder = read_description(described["video_encoder"], str(path))
    _check_embed_dim(path, described["embed_dim"], state)
    return Weights(path, "cmr_clip", state, encoder, spec, described=described)


def _check_embed_dim(path: Path, said: object, state: Mapping[str, Tensor]) -> None:
    """The size of the embedding space, as a file states it, against its tensors of any shape."""
    projection = state.get("video_proj.weight")
    if projection is not None and (projection.ndim != 2 or said != len(projection)):
        raise CheckpointMismatchError(
            f"{path} says embed_dim {said!r}, its video_proj.weight is {tuple(projection.shape)}",
            "its description and its tensors are of two models: train or export it again",
        )


def _foreign(checkpoint: dict[str, Any], path: Path) -> Weights:
    raw = strip_wrappers(tensors_of(checkpoint, path), str(path))
    with errors_of(path):
        kind, known = recognise(raw)
        renamed = kind.rename(raw)
    hyper = checkpoint.get("hyper_parameters")
    return Weights(
        path,
        known.origin,
        renamed.state,
        EncoderDescription(kind, known.config),
        known.preprocessing,
        hyper_parameters=hyper if isinstance(hyper, dict) else {},
        ignored=renamed.ignored,
    )
