"""Text prompts as directions in the shared space."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from cmr_clip.data.batches import pad_tokens
from cmr_clip.data.probes import Probe
from cmr_clip.metrics.zero_shot import prompt_direction
from cmr_clip.models.towers import ContrastiveModel
from preprocess.reports.tokenizer import ReportTokenizer

__all__ = ["probe_directions"]


@torch.no_grad()
def probe_directions(model: ContrastiveModel, probes: Sequence[Probe], tokenizer: ReportTokenizer) -> Tensor:
    """A direction per probe, `[K, E]`; see `prompt_direction`."""
    directions = []
    for probe in probes:
        prompts, against = (_embed(model, tokenizer, texts) for texts in (probe.prompts, probe.against))
        directions.append(prompt_direction(prompts, against))
    return torch.stack(directions)


def _embed(model: ContrastiveModel, tokenizer: ReportTokenizer, texts: Sequence[str]) -> Tensor:
    """L2-normalised embeddings `[len(texts), E]`, fp32."""
    ids = [[tokenizer.cls_id, *tokenizer.encode(text), tokenizer.sep_id] for text in texts]
    tokens, mask = pad_tokens(ids)
    device = model.text_proj.weight.device
    return model.embed_text(tokens.to(device), mask.to(device)).float()
