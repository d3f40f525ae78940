"""Gated attention over the clips of a study (Eq. 4 of the paper; Ilse et al., ICML 2018).

A target has one attention map, however many outputs it has: its clips are pooled once, and each of its outputs is a
linear function of that one vector. So the classes of a target are compared on the same evidence, and one map shows it.

Shapes: B studies, N clips, E embedding, H hidden, R targets, K outputs of a target, W outputs of all targets.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

__all__ = ["BagOutput", "GatedAttentionMIL"]


class BagOutput(NamedTuple):
    """What the trunk says of B studies and R targets.

    Attributes:
        logits: `[B, W]`, the K outputs of each target one after the other; `heads.inputs_of` splits them.
        attention: `[B, R, N]`, sums to 1 over a study's clips, 0 on padding.
    """

    logits: Tensor
    attention: Tensor


class _GatedAttention(nn.Module):
    """`w·(tanh(V h) ⊙ sigmoid(U h))`, after an optional LayerNorm of h that is also what gets pooled."""

    def __init__(self, hidden: int, gate: int, targets: int, layernorm: bool) -> None:
        super().__init__()
        self.layernorm: nn.Module | None = nn.LayerNorm(hidden) if layernorm else None
        self.attention_a = nn.Sequential(nn.Linear(hidden, gate), nn.Tanh())
        self.attention_b = nn.Sequential(nn.Linear(hidden, gate), nn.Sigmoid())
        self.attention_c = nn.Linear(gate, targets)

    def forward(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Clips `[B, N, H]` as they are pooled, `[B, N, H]`, and their scores before the softmax, `[B, N, R]`."""
        if self.layernorm is not None:
            hidden = self.layernorm(hidden)
        return hidden, self.attention_c(self.attention_a(hidden) * self.attention_b(hidden))


class _TargetLinear(nn.Module):
    """K linear outputs per target, on the target's own pooled vector."""

    def __init__(self, hidden: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.widths = tuple(widths)
        self.fc = nn.Sequential(nn.Linear(hidden, sum(self.widths)))

    def forward(self, pooled: Tensor) -> Tensor:
        """Pooled vectors `[B, R, H]` to logits `[B, W]`."""
        layer = self.fc[0]
        assert isinstance(layer, nn.Linear)
        vectors = zip(pooled.split(1, dim=1), self.widths, strict=True)  # type: ignore[no-untyped-call]
        repeated = torch.cat([vector.expand(-1, width, -1) for vector, width in vectors], dim=1)
        return (repeated * layer.weight).sum(-1) + layer.bias


class GatedAttentionMIL(nn.Module):
    """Bags of clip embeddings to K logits and one attention map per study and target.

    With one target of one output its parameters carry the names and shapes of the paper authors' checkpoints.

    Args:
        in_features: E of the clip embeddings.
        hidden: width of the shared trunk.
        gate: width of the attention gates.
        widths: K of each target, in order.
        layernorm: normalise the trunk's output (the authors: for classification only).
        dropout: in the trunk and before the output.
    """

    def __init__(
        self,
        in_features: int = 512,
        hidden: int = 256,
        gate: int = 128,
        widths: Sequence[int] = (1,),
        layernorm: bool = False,
        dropout: float = 0.25,
    ) -> None:
        super().__init__()
        self.attention_net = nn.Sequential(
            nn.Linear(in_features, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            _GatedAttention(hidden, gate, len(widths), layernorm),
        )
        self.dropout = nn.Dropout(dropout)
        self.classifier_head = _TargetLinear(hidden, widths)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_normal_(module.weight)
                nn.init.zeros_(module.bias)

    @property
    def output_layer(self) -> nn.Linear:
        """The linear layer whose bias, `[W]`, holds the logits of an empty finding."""
        layer = self.classifier_head.fc[0]
        assert isinstance(layer, nn.Linear)
        return layer

    def forward(self, embeddings: Tensor, mask: Tensor) -> BagOutput:
        """Pool bags.

        Args:
            embeddings: `[B, N, E]`, padded.
            mask: `[B, N]`, true on real clips; every study has at least one.
        """
        hidden, scores = self.attention_net(embeddings)
        scores = scores.transpose(1, 2).masked_fill(~mask.unsqueeze(1), float("-inf"))
        attention = torch.softmax(scores.float(), dim=-1).to(hidden.dtype)
        pooled = attention @ hidden.masked_fill(~mask.unsqueeze(-1), 0.0)
        return BagOutput(self.classifier_head(self.dropout(pooled)), attention)
