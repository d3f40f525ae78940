"""A fine-tuned model from whatever file holds it, with its heads and a receipt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from cmr_clip.encoders.protocol import ClipShape
from cmr_clip.errors import CheckpointMismatchError, CmrClipError
from cmr_clip.models.head_registry import heads_from_description
from cmr_clip.models.heads import BinaryHead, Head, RegressionHead
from cmr_clip.models.mil import GatedAttentionMIL
from cmr_clip.models.study_model import StudyModel
from cmr_clip.weights.assemble import empty_encoder, fill, resized, wanted_shape
from cmr_clip.weights.receipt import LoadReport
from cmr_clip.weights.sources import Weights, read_source

__all__ = ["build_study_model", "load_study_model"]

_NET = "classifier_head.attention_net."


_NOT_TRAINED = "their published code never gives the attention head to the optimiser: it may be as it was initialised"


def load_study_model(
    path: str | Path,
    *,
    target: str | None = None,
    clip_shape: Sequence[int] | None = None,
    n_frames: int | None = None,
    size: int | None = None,
) -> tuple[StudyModel, LoadReport]:
    """Load a fine-tuned model with its head: a checkpoint of ours or of the paper's authors, or an exported folder.

    An authors' checkpoint names its task and its target in `hyper_parameters`; where it does not, a LayerNorm in
    the head means classification (score = probability), none means regression (score = 100 × logit). Its target is
    then called `target`.

    Args:
        path: a file or an exported folder.
        target: whose result `model(clips)` gives; not needed where there is one. Without it, a model of several
            targets gives all of them with `model.results(clips)`.
        clip_shape: (T, H, W) of other clips than the weights were trained on; see `load_pretrained`.
        n_frames: T alone.
        size: H = W alone.

    Returns:
        The model in evaluation mode, and the receipt.

    Raises:
        CmrClipError: not readable, no such target, or one of our older checkpoints, which do not describe heads.
        CheckpointMismatchError: no head in it, or only a part of the model.
    """
    weights = read_source(path)
    return build_study_model(weights, target, wanted_shape(weights.encoder.clip_shape, clip_shape, n_frames, size))


def build_study_model(
    weights: Weights, target: str | None = None, shape: ClipShape | None = None
) -> tuple[StudyModel, LoadReport]:
    """The model of weights that were read already; see `load_study_model`."""
    _require_trunk(weights)
    change = resized(weights, shape or weights.encoder.clip_shape)
    model = _empty_model(change.weights, target)
    report = fill(model, _with_heads(change.weights, model), change.weights)
    report = replace(
        report,
        loaded=tuple(name for name in report.loaded if name in weights.state),
        interpolated=change.interpolated,
        notes=(_NOT_TRAINED,) if weights.origin == "authors_finetuned" else (),
    )
    return model.eval(), report


def _require_trunk(weights: Weights) -> None:
    needed = [f"{_NET}{name}" for name in ("0.weight", "6.attention_a.0.weight", "6.attention_c.weight")]
    absent = [name for name in [*needed, "video_proj.weight"] if name not in weights.state]
    if absent:
        raise CheckpointMismatchError(
            f"{weights.path} holds no fine-tuned model ({weights.origin}): it has no {absent[0]}",
            "load its video encoder with load_pretrained, or give a checkpoint of fine-tuning",
        )
    flat = [name for name in [*needed, "video_proj.weight"] if weights.state[name].ndim != 2]
    if flat:
        raise CheckpointMismatchError(
            f"{weights.path}: {flat[0]} is {tuple(weights.state[flat[0]].shape)}, no matrix", "it is of another model"
        )


def _with_heads(weights: Weights, model: StudyModel) -> dict[str, Tensor]:
    """The state to load, tensors of any shape: what the heads took from labels may be missing in files of others."""
    state = {name: value for name, value in weights.state.items() if not name.startswith("heads.")}
    # What the heads took from the training labels; files of others do not hold it: then as a new head has it
    of_heads = model.heads.state_dict(prefix="heads.")
    held = {name: value for name, value in weights.state.items() if name.startswith("heads.")}
    if weights.described and held.keys() != of_heads.keys():
        raise CheckpointMismatchError(
            f"{weights.path} describes heads with {', '.join(of_heads) or 'no tensors'}, and holds "
            f"{', '.join(held) or 'none'}",
            "its description and its tensors are of two models: train or export it again",
        )
    return state | {**of_heads, **held}


def _empty_model(weights: Weights, target: str | None) -> StudyModel:
    state = weights.state
    hidden, in_features = state[f"{_NET}0.weight"].shape
    heads, maps = _heads(weights), len(state[f"{_NET}6.attention_c.weight"])
    if maps != len(heads):
        raise CheckpointMismatchError(f"{weights.path} describes {len(heads)} heads, its trunk has {maps} outputs")
    with torch.random.fork_rng(devices=[]):  # random weights that are replaced must not change the caller's numbers
        mil = GatedAttentionMIL(
            in_features,
            hidden,
            gate=len(state[f"{_NET}6.attention_a.0.weight"]),
            widths=[head.width for head in heads],
            layernorm=f"{_NET}6.layernorm.weight" in state,
        )
    encoder = empty_encoder(weights)
    return StudyModel(encoder, len(state["video_proj.weight"]), mil, heads, weights.preprocessing, target)


def _heads(weights: Weights) -> list[Head]:
    if weights.origin == "authors_finetuned":
        layernorm = f"{_NET}6.layernorm.weight" in weights.state
        said = weights.hyper_parameters
        target, task = said.get("target"), said.get("task")
        name = target if isinstance(target, str) and target else "target"
        classifies = "class" in task.lower() if isinstance(task, str) else layernorm
        return [BinaryHead(name) if classifies else RegressionHead(name, scale=100.0)]
    described = weights.described.get("heads")
    if not described:
        raise CmrClipError(
            f"{weights.path} does not describe its heads: it was written by an older version",
            "go on training for an epoch with this version (cmr-clip fit --ckpt_path …)",
        )
    return heads_from_description(described, str(weights.path))
