"""Files that hold a part, more, malice or no weights at all are refused with the reason."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from cmr_clip import load_pretrained
from cmr_clip.errors import CheckpointMismatchError, CmrClipError
from tests.support.weights import (
    authors_state,
    contrastive_model,
    our_description,
    save,
)


@pytest.mark.parametrize(
    ("described", "message"),
    [
        ("nonsense", "does not describe its encoder: no video_encoder, embed_dim, preprocessing"),
        ({"video_encoder": {"stages": 9}}, "describes an encoder of kind MViT that this version does not know"),
        ({"preprocessing": {"n_frames": 4, "size": 32, "colour": True}}, "unknown fields: colour"),
        (
            {"preprocessing": {"n_frames": 8, "size": 32}},
            r"makes clips of \(8, 32, 32\), its encoder takes \(4, 32, 32\)",
        ),
    ],
)
def test_descriptions_that_cannot_be_followed(described: object, message: str, tmp_path: Path) -> None:
    model = contrastive_model()
    whole = our_description(model, "ContrastivePretraining")
    if isinstance(described, dict):
        described = {**whole, **{key: {**whole[key], **value} for key, value in described.items()}}
    state = {f"model.{name}": value for name, value in model.state_dict().items()}
    with pytest.raises(CmrClipError, match=message):
        load_pretrained(save(tmp_path / "ours.ckpt", state, cmr_clip=described))


@pytest.mark.parametrize(
    ("lost", "message"),
    [
        ("video_encoder.blocks.15.", r"tensors are missing.*first video_encoder\.blocks\.15\."),
        ("video_encoder.norm_embed.bias", r"1 of 377 tensors are missing.*norm_embed\.bias"),
        ("video_proj.bias", r"1 of 377 tensors are missing.*video_proj\.bias"),
        ("video_encoder.", "holds no known encoder .MViT., or only a part of one"),
    ],
)
def test_a_part_is_refused(lost: str, message: str, tmp_path: Path) -> None:
    state = {name: value for name, value in authors_state().items() if not name.startswith(f"model.{lost}")}
    with pytest.raises(CheckpointMismatchError, match=message):
        load_pretrained(save(tmp_path / "part.ckpt", state))


def test_more_than_this_architecture_is_refused(tmp_path: Path) -> None:
    more = authors_state() | {"model.video_encoder.blocks.16.norm1.weight": torch.ones(768)}
    with pytest.raises(CheckpointMismatchError, match=r"no place for; first video_encoder\.blocks\.16"):
        load_pretrained(save(tmp_path / "more.ckpt", more))
    deep = {name: value for name, value in authors_state().items() if "video_proj" not in name}
    deep["model.video_proj.0.weight"] = torch.zeros(768, 768)
    with pytest.raises(CheckpointMismatchError, match="projection of several layers"):
        load_pretrained(save(tmp_path / "deep.ckpt", deep))


class Malice:
    """Unpickling it would run a command."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.marker}",)


def test_a_malicious_pickle_is_refused_and_not_executed(tmp_path: Path) -> None:
    marker = tmp_path / "executed"
    path = save(tmp_path / "evil.ckpt", {"model.x": torch.zeros(1)}, hyper_parameters={"a": Malice(marker)})
    with pytest.raises(CmrClipError, match=r"evil\.ckpt .*pickled (posix|nt)\.system .*never executed"):
        load_pretrained(path)
    assert not marker.exists()


def test_other_files_are_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "text.ckpt").write_text("no weights")
    torch.save([1, 2], tmp_path / "list.ckpt")
    torch.save({"epoch": 3}, tmp_path / "empty.ckpt")
    torch.save({"layer4.conv.weight": torch.zeros(2)}, tmp_path / "resnet.pth")
    for name, message in {
        "missing.ckpt": "no checkpoint at",
        "text.ckpt": "no checkpoint of tensors",
        "list.ckpt": "no dictionary",
        "empty.ckpt": "holds no tensors",
        "resnet.pth": r"holds no known encoder .MViT.*layer4\.conv",
    }.items():
        with pytest.raises(CmrClipError, match=message):
            load_pretrained(tmp_path / name)
