"""A fine-tuned model as a whole: the clips of one study in, a score and its attention out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from cmr_clip.clips.spec import ClipSpec
from cmr_clip.encoders.protocol import VideoEncoder
from cmr_clip.errors import CmrClipError
from cmr_clip.models.head_inputs import inputs_of
from cmr_clip.models.heads import Head
from cmr_clip.models.mil import BagOutput, GatedAttentionMIL
from cmr_clip.models.towers import VideoTower

__all__ = ["StudyModel", "StudyResult"]


@dataclass(frozen=True)
class StudyResult:
    """What a model says of one study.

    Attributes:
        score: probability, or the value in the target's unit; scalar, or `[S]` where the target has S named outputs.
        logit: the head's raw output; scalar, or `[K]` where the head is K > 1 wide.
        attention: `[N]`, weights of the clips; they sum to 1.
        outputs: the S names; empty where the score is a scalar.
    """

    score: Tensor
    logit: Tensor
    attention: Tensor
    outputs: tuple[str, ...] = ()


class StudyModel(VideoTower):
    """Video tower, attention-MIL trunk and heads.

    Parameter names are those of the checkpoints: `video_encoder.*`, `video_proj.*`, `classifier_head.*`.

    Args:
        video_encoder: the video encoder.
        embed_dim: E.
        mil: trunk with an attention map per head, and as many outputs as the heads are wide.
        heads: the targets, in the order of the outputs.
        preprocessing: how a cine becomes a clip.
        target: whose result `model(clips)` gives; may stay open where there are several.

    Attributes:
        targets: names, in order.
        preprocessing: as given.
    """

    def __init__(
        self,
        video_encoder: VideoEncoder,
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
        if target is not None and target not in self.targets:
            raise CmrClipError(f"the model has no target {target!r}", f"it has {', '.join(self.targets)}")
        self.target = self.targets[0] if target is None and len(self.targets) == 1 else target

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
        return {
            head.target: StudyResult(head.predict(logits)[0], logits[0], attention[0], head.outputs)
            for head, logits, attention in inputs_of(cast(list[Head], list(self.heads)), bag)
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
