"""Files of weights as several projects write them, with a reproducible fill."""

from __future__ import annotations

import functools
import math
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from cmr_clip.clips.spec import ClipSpec
from cmr_clip.encoders.bert import BertTextEncoder
from cmr_clip.encoders.mvit.mvit import MViT
from cmr_clip.encoders.mvit.presets import mvit_b_16x4, mvit_tiny
from cmr_clip.encoders.registry import describe
from cmr_clip.models.mil import GatedAttentionMIL
from cmr_clip.models.towers import ContrastiveModel, VideoTower

ENCODER = "model.video_encoder."
SMALL = (4, 32, 32)
POSITIONS = tuple(f"video_encoder.cls_positional_encoding.pos_embed_{axis}" for axis in ("spatial", "temporal"))
EXTRAS = {
    "classif_loss.pos_weight": torch.tensor(3.0),
    "model.text_encoder.embeddings.weight": torch.zeros(2, 2),
    "model.video_encoder.head.proj.weight": torch.zeros(400, 768),
}
BERT = {"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}


def fill(name: str, shape: torch.Size | tuple[int, ...]) -> torch.Tensor:
    """The reproducible weights of the shared golden numbers."""
    count = math.prod(shape)
    phase = 2 * math.pi * (zlib.crc32(name.encode()) % 10007) / 10007
    wave = np.resize(np.sin(0.37 * np.arange(1009) + phase), count)  # the flat index counts modulo 1009
    if "norm" in name and name.endswith(".weight"):
        wave = 1 + 0.1 * wave
    elif len(shape) <= 1:
        wave = 0.05 * wave
    else:
        wave = wave / math.sqrt(count / shape[0])
    return torch.tensor(wave.reshape(tuple(shape)), dtype=torch.float32)


def filled(module: nn.Module, prefix: str) -> dict[str, torch.Tensor]:
    """A state dict of the module's names and shapes under a prefix, filled."""
    return {prefix + name: fill(prefix + name, value.shape) for name, value in module.state_dict().items()}


def mvit_b(clip_shape: tuple[int, int, int] = SMALL, eps: float = 1e-5) -> MViT:
    """mViT-B for small clips: the full architecture with a short positional embedding."""
    with torch.device("meta"):
        config = mvit_b_16x4(eps).config
    return MViT(**{**config, "clip_shape": list(clip_shape)})


def mvit_b_with(state: Mapping[str, torch.Tensor], eps: float = 1e-5) -> MViT:
    """mViT-B for small clips with the encoder tensors of a state dict."""
    with torch.device("meta"):
        encoder = mvit_b(eps=eps)
    encoder.load_state_dict({name: state[name] for name in encoder.state_dict()}, assign=True)
    return encoder.eval()


@functools.cache
def authors_state(clip_shape: tuple[int, int, int] = SMALL, head: bool | None = None) -> dict[str, torch.Tensor]:
    """The tensors of an authors' checkpoint; `head`: None without, else whether it has a LayerNorm."""
    with torch.device("meta"):
        tower = VideoTower(mvit_b(clip_shape))
        mil = GatedAttentionMIL(layernorm=bool(head))
    state = filled(tower, "model.")
    if head is not None:
        state |= filled(mil, "classifier_head.")
    return state


def save(path: Path, state: Mapping[str, torch.Tensor], **more: Any) -> Path:
    """Write a Lightning checkpoint."""
    torch.save({"state_dict": dict(state), "epoch": 3, "pytorch-lightning_version": "1.8.6", **more}, path)
    return path


def contrastive_model(seed: int = 0) -> ContrastiveModel:
    """A small pair of towers."""
    torch.manual_seed(seed)
    text = BertTextEncoder.from_description(
        {"source": "./absent-bert", "frozen_layers": 1, "pooling": "mean", "bert_config": BERT}
    )
    return ContrastiveModel(mvit_tiny(4, 32), text, 24).eval()


def our_description(tower: VideoTower, task: str, **more: Any) -> dict[str, Any]:
    """What a checkpoint of ours says of its tower."""
    spec = ClipSpec(n_frames=4, size=32, field_of_view_mm=120)
    return {
        "task": task,
        "video_encoder": describe(tower.video_encoder),
        "embed_dim": tower.video_proj.out_features,
        "preprocessing": asdict(spec),
        **more,
    }


def save_contrastive(path: Path, model: ContrastiveModel) -> Path:
    """A checkpoint of contrastive pretraining, as the task writes it."""
    state = {f"model.{name}": value for name, value in model.state_dict().items()}
    state["log_temperature"] = torch.tensor(-2.3)
    described = our_description(model, "ContrastivePretraining", text_encoder=model.text_encoder.description())
    return save(path, state, cmr_clip=described)


@functools.cache
def kinetics_state(clip_shape: tuple[int, int, int] = SMALL) -> dict[str, torch.Tensor]:
    """The tensors of the Kinetics-400 file, with its head."""
    with torch.device("meta"):
        wanted = mvit_b(clip_shape).state_dict()
    state = {name: fill("kinetics." + name, value.shape) for name, value in wanted.items()}
    return state | {"head.proj.weight": torch.zeros(400, 768), "head.proj.bias": torch.zeros(400)}


def eps_of(model: VideoTower) -> float:
    """Epsilon of the normalisation after pooling."""
    return model.video_encoder.config["pool_norm_eps"]


def random_clips(count: int = 2, channels: int = 3, shape: tuple[int, int, int] = SMALL) -> torch.Tensor:
    """The same noise at each call: `[count, channels, *shape]`."""
    return torch.randn(count, channels, *shape, generator=torch.Generator().manual_seed(5))
