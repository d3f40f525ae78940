"""An encoder that the library does not know, and files of the project that it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor, nn

from cmr_clip.clips.spec import ClipSpec
from cmr_clip.encoders.protocol import ENCODER, Recognised, Renamed, VideoEncoder

CLIP_SHAPE = (6, 40, 40)
THEIRS = {"stem.conv.w": "convolutions.0.weight", "stem.conv.b": "convolutions.0.bias"}
THEIRS |= {"body.conv.w": "convolutions.2.weight", "body.conv.b": "convolutions.2.bias"}


class TinyConv(VideoEncoder):
    """Two convolutions and a mean; another project calls its tensors `stem.conv.w`, `body.conv.w` and so on.

    Args:
        clip_shape: (T, H, W).
        width: channels of the first convolution.
        features: D.
    """

    foreign_files = "weights of the tiny project"

    def __init__(self, clip_shape: tuple[int, int, int] = CLIP_SHAPE, width: int = 4, features: int = 12) -> None:
        super().__init__()
        self.clip_shape = tuple(clip_shape)
        self.out_features = features
        self.config = {"clip_shape": list(clip_shape), "width": width, "features": features}
        self.convolutions = nn.Sequential(
            nn.Conv3d(1, width, 3, stride=2, padding=1), nn.GELU(), nn.Conv3d(width, features, 3, stride=2, padding=1)
        )

    def forward(self, clips: Tensor) -> Tensor:
        return self.convolutions(clips.mean(dim=1, keepdim=True)).mean(dim=(2, 3, 4))

    @classmethod
    def recognise(cls, state: Mapping[str, Tensor]) -> Recognised | None:
        if not set(THEIRS) <= set(state):
            return None
        features, width = state["body.conv.w"].shape[:2]
        config = {"clip_shape": list(CLIP_SHAPE), "width": width, "features": features}
        return Recognised("tiny_project", config, ClipSpec(n_frames=6, size=40, mean=0.5, std=0.5))

    @classmethod
    def rename(cls, state: Mapping[str, Tensor]) -> Renamed:
        ours = {ENCODER + ours: state[theirs] for theirs, ours in THEIRS.items()}
        return Renamed(ours, tuple(name for name in state if name.startswith("decoder.")))

    @classmethod
    def summary(cls, config: Mapping[str, Any]) -> str:
        return f"two convolutions of {config['width']} and {config['features']} channels"


def foreign_file(path: Path) -> Path:
    """The other project's weights, with a decoder that nobody here needs."""
    torch.manual_seed(3)
    own = TinyConv(width=5, features=9).state_dict()
    state = {theirs: own[ours] for theirs, ours in THEIRS.items()}
    torch.save({"state_dict": {f"module.{name}": t for name, t in state.items()} | {"decoder.w": torch.ones(2)}}, path)
    return path


def tiny_recipe(path: Path, task: str, model: Mapping[str, Any], data_class: str, data: Mapping[str, Any]) -> Path:
    """A YAML of one step on the CPU, with the encoder named by its class."""
    encoder = {"class_path": f"{TinyConv.__module__}.{TinyConv.__qualname__}", "init_args": {"width": 5, "features": 9}}
    trainer = {"accelerator": "cpu", "max_epochs": 1, "limit_train_batches": 1, "limit_val_batches": 0, "logger": False}
    clip = {"n_frames": 6, "size": 40}
    checkpoints = {
        "class_path": "pytorch_lightning.callbacks.ModelCheckpoint",
        "init_args": {"save_last": True, "save_top_k": 0},
    }
    content = {
        "trainer": {**trainer, "default_root_dir": str(path.parent / path.stem), "callbacks": [checkpoints]},
        "model": {"class_path": f"cmr_clip.tasks.{task}", "init_args": {"video_encoder": encoder, **model}},
        "data": {
            "class_path": f"cmr_clip.data.{data_class}",
            "init_args": {**data, "clip": clip},
        },
    }
    path.write_text(yaml.safe_dump(content))
    return path
