"""Fine-tuned models and their checkpoints, and Eq. 4 the slow way."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import torch
from torch import nn

from cmr_clip import StudyModel
from cmr_clip.clips.spec import ClipSpec
from cmr_clip.models.mil import GatedAttentionMIL
from tests.support.weights import contrastive_model, our_description, save

__all__ = ["save_ours", "slow_head", "trained"]


def slow_head(head: GatedAttentionMIL, bag: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Eq. 4 clip by clip and target by target: the bag is `[N, E]`."""
    first, _, _, second, _, _, gated = head.attention_net
    hidden = [torch.relu(second(torch.relu(first(clip)))) for clip in bag]
    if gated.layernorm is not None:
        hidden = [gated.layernorm(h) for h in hidden]
    v, u, w = gated.attention_a[0], gated.attention_b[0], gated.attention_c
    logits, weights, outputs = [], [], iter(range(head.output_layer.out_features))
    for target, width in enumerate(head.classifier_head.widths):
        scores = [w.weight[target] @ (torch.tanh(v(h)) * torch.sigmoid(u(h))) + w.bias[target] for h in hidden]
        exponents = [torch.exp(score) for score in scores]
        alpha = [value / sum(exponents) for value in exponents]
        pooled = sum(a * h for a, h in zip(alpha, hidden, strict=True))
        for output in islice(outputs, width):
            logits.append(head.output_layer.weight[output] @ pooled + head.output_layer.bias[output])
        weights.append(torch.stack(alpha))
    return torch.stack(logits), torch.stack(weights)


def trained(heads: list[nn.Module], seed: int = 0) -> StudyModel:
    torch.manual_seed(seed)
    mil = GatedAttentionMIL(24, 10, 6, widths=[head.width for head in heads], layernorm=True)
    model = contrastive_model()
    spec = ClipSpec(n_frames=4, size=32, field_of_view_mm=120)
    return StudyModel(model.video_encoder, 24, mil, heads, spec).eval()


def save_ours(path: Path, model: StudyModel, **more: object) -> Path:
    """As the task writes it: the tower under `model.`, trunk and heads beside it."""
    towers = ("video_encoder.", "video_proj.")
    state = {f"model.{n}" if n.startswith(towers) else n: value for n, value in model.state_dict().items()}
    described = our_description(model, "StudyFinetuning", **more)
    return save(path, state, cmr_clip=described)
