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
    device = model.text_proj.weight.device
    directions = []
    for probe in probes:
        sides = []  # L2-normalised embeddings `[P, E]` of P sentences for the finding, then of those against it, fp32
        for texts in (probe.prompts, probe.against):
            tokens, mask = pad_tokens([[tokenizer.cls_id, *tokenizer.encode(text), tokenizer.sep_id] for text in texts])
            sides.append(model.embed_text(tokens.to(device), mask.to(device)).float())
        directions.append(prompt_direction(*sides))
    return torch.stack(directions)
