"""A fine-tuned model as a whole: the clips of one study in, a score and its attention out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from cmr_clip.data.clips import ClipSpec
from cmr_clip.errors import CheckpointMismatchError, CmrClipError
from cmr_clip.models.assemble import empty_encoder, fill, resized, wanted_shape
from cmr_clip.models.contrastive import VideoTower
from cmr_clip.models.heads import BinaryHead, Head, RegressionHead, heads_from_description
from cmr_clip.models.mil import BagOutput, GatedAttentionMIL
from cmr_clip.models.mvit import MViT
from cmr_clip.models.positions import Grid
from cmr_clip.models.receipt import LoadReport
from cmr_clip.models.sources import Weights, read_source

__all__ = ["StudyModel", "StudyResult", "build_study_model", "load_study_model"]

_NET = "classifier_head.attention_net."
_NOT_TRAINED = "their published code never gives the attention head to the optimiser: it may be as it was initialised"


@dataclass(frozen=True)
class StudyResult:
    """What a model says of one study.

    Attributes:
        score: probability, or the value in the target's unit; scalar.
        logit: the head's raw output; scalar.
        attention: `[N]`, weights of the clips; they sum to 1.
    """

    score: Tensor
    logit: Tensor
    attention: Tensor


class StudyModel(VideoTower):
    """Video tower, attention-MIL trunk and heads.

    Parameter names are those of the checkpoints: `video_encoder.*`, `video_proj.*`, `classifier_head.*`.

    Args:
        video_encoder: the video encoder.
        embed_dim: E.
        mil: trunk with one output per head.
        heads: the targets, in the order of the outputs.
        preprocessing: how a cine becomes a clip.
        target: whose result `model(clips)` gives; may stay open where there are several.

    Attributes:
        targets: names, in order.
        preprocessing: as given.
    """

    def __init__(
        self,
        video_encoder: MViT,
        embed_dim: int,
        mil: GatedAttentionMIL,
        heads: Sequence[Head],
        preprocessing: ClipSpec,
        target: str | None = None,
    ) -> None:
        super().__init__(video_encoder, embed_dim)
        self.classifier_head = mil
        self.heads = nn.ModuleList(heads)
        self.preprocessing = preprocessing
        self.targets = tuple(head.target for head in heads)
        self.target = self._chosen(target)

    def _chosen(self, target: str | None) -> str | None:
        if target is not None and target not in self.targets:
            raise CmrClipError(f"the model has no target {target!r}", f"it has {', '.join(self.targets)}")
        return self.targets[0] if target is None and len(self.targets) == 1 else target

    def results(self, clips: Tensor) -> dict[str, StudyResult]:
        """Results of every target from the N clips of one study, `[N, 1 or 3, T, H, W]`, in any order.

        Raises:
            CmrClipError: no clip, or clips of another size than the encoder takes.
        """
        if not len(clips):
            raise CmrClipError("a study without clips has no result", "give its clips as [N, 3, T, H, W]")
        embeddings = self.project(self.features(clips))
        mask = torch.ones(1, len(embeddings), dtype=torch.bool, device=embeddings.device)
        bag = cast(BagOutput, self.classifier_head(embeddings[None], mask))
        heads = cast(list[Head], list(self.heads))
        return {
            head.target: StudyResult(head.predict(bag.logits[0, index]), bag.logits[0, index], bag.attention[0, index])
            for index, head in enumerate(heads)
        }

    def forward(self, clips: Tensor) -> StudyResult:  # type: ignore[override]
        """The chosen target's result from the N clips of one study, `[N, 1 or 3, T, H, W]`.

        Raises:
            CmrClipError: there are several targets and none was chosen.
        """
        if self.target is None:
            raise CmrClipError(
                f"the model has {len(self.targets)} targets: {', '.join(self.targets)}",
                "choose one with load_study_model(path, target=…), or ask for all with model.results(clips)",
            )
        return self.results(clips)[self.target]


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
    return build_study_model(weights, target, wanted_shape(weights.encoder["clip_shape"], clip_shape, n_frames, size))


def build_study_model(
    weights: Weights, target: str | None = None, shape: Grid | None = None
) -> tuple[StudyModel, LoadReport]:
    """The model of weights that were read already; see `load_study_model`."""
    _require_head(weights)
    change = resized(weights, shape or wanted_shape(weights.encoder["clip_shape"], None, None, None))
    model = _empty_model(change.weights, target)
    wanted = {name: value for name, value in change.weights.state.items() if not name.startswith("heads.")}
    report = fill(model, {**wanted, **_label_statistics(change.weights, model)}, change.weights)
    report = replace(
        report,
        loaded=tuple(name for name in report.loaded if name in weights.state),
        interpolated=change.names,
        notes=(_NOT_TRAINED,) if weights.origin == "authors_finetuned" else (),
    )
    return model.eval(), report


def _require_head(weights: Weights) -> None:
    needed = [f"{_NET}{name}" for name in ("0.weight", "6.attention_a.0.weight", "6.attention_c.weight")]
    missing = [name for name in [*needed, "video_proj.weight"] if name not in weights.state]
    if missing:
        raise CheckpointMismatchError(
            f"{weights.path} holds no fine-tuned model ({weights.origin}): it has no {missing[0]}",
            "load its video encoder with load_pretrained, or give a checkpoint of fine-tuning",
        )


def _empty_model(weights: Weights, target: str | None) -> StudyModel:
    state = weights.state
    hidden, in_features = state[f"{_NET}0.weight"].shape
    heads = _heads(weights)
    with torch.random.fork_rng(devices=[]):  # random weights that are replaced must not change the caller's numbers
        mil = GatedAttentionMIL(
            in_features,
            hidden,
            gate=len(state[f"{_NET}6.attention_a.0.weight"]),
            n_targets=len(state[f"{_NET}6.attention_c.weight"]),
            layernorm=f"{_NET}6.layernorm.weight" in state,
        )
    outputs = mil.output_layer.out_features
    if outputs != len(heads):
        raise CheckpointMismatchError(f"{weights.path} describes {len(heads)} heads, its trunk has {outputs} outputs")
    encoder = empty_encoder(weights)
    return StudyModel(encoder, len(state["video_proj.weight"]), mil, heads, weights.preprocessing, target)


def _heads(weights: Weights) -> list[Head]:
    if weights.origin == "authors_finetuned":
        layernorm = f"{_NET}6.layernorm.weight" in weights.state
        return [_authors_head(weights.hyper_parameters, layernorm)]
    described = weights.described.get("heads")
    if not described:
        raise CmrClipError(
            f"{weights.path} does not describe its heads: it was written by an older version",
            "go on training for an epoch with this version (cmr-clip fit --ckpt_path …)",
        )
    return heads_from_description(described, str(weights.path))


def _authors_head(hyper_parameters: Mapping[str, Any], layernorm: bool) -> Head:
    target = hyper_parameters.get("target")
    name = target if isinstance(target, str) and target else "target"
    task = hyper_parameters.get("task")
    classifies = "class" in task.lower() if isinstance(task, str) else layernorm
    return BinaryHead(name) if classifies else RegressionHead(name, scale=100.0)


def _label_statistics(weights: Weights, model: StudyModel) -> dict[str, Tensor]:
    """What the heads took from the training labels: from the file where it is there, else as a new head has it."""
    own = {name: value for name, value in model.state_dict().items() if name.startswith("heads.")}
    return {name: weights.state.get(name, value) for name, value in own.items()}
