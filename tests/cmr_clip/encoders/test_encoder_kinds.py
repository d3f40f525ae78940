"""Kinds of encoders: what a file says of its own, and what is refused because it does not fit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from cmr_clip import load_pretrained
from cmr_clip.cli import main
from cmr_clip.encoders.registry import describe, kinds, read_description, register, registered
from cmr_clip.errors import CheckpointMismatchError, CmrClipError
from tests.support.tiny_encoder import TinyConv, foreign_file
from tests.support.weights import contrastive_model, our_description, save, save_contrastive

pytestmark = pytest.mark.usefixtures("tiny_is_known")


def refused(arguments: Sequence[object], capsys: pytest.CaptureFixture[str]) -> str:
    assert main([str(argument) for argument in arguments]) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    return line


def test_other_clip_shapes_are_refused_in_one_sentence(tiny_checkpoint: Path) -> None:
    with pytest.raises(CmrClipError, match=r"TinyConv takes clips of .*\(6, 40, 40\).*not \(8, 40, 40\)"):
        load_pretrained(tiny_checkpoint, n_frames=8)
    assert load_pretrained(tiny_checkpoint, n_frames=6, size=40)[1].interpolated == ()


def test_weights_of_another_clip_shape_or_kind_do_not_start_a_training(tiny_checkpoint: Path, tmp_path: Path) -> None:
    from cmr_clip.models.towers import VideoTower
    from cmr_clip.weights.into_task import load_tower_weights

    other = VideoTower(TinyConv((8, 40, 40), width=5, features=9), 16)
    with pytest.raises(CheckpointMismatchError, match=r"trained on clips of \(6, 40, 40\), the encoder takes \(8"):
        load_tower_weights(other, tiny_checkpoint)  # every tensor fits by name and shape
    with pytest.raises(CmrClipError, match="TinyConv takes clips of the shape it was trained on"):
        load_tower_weights(other, tiny_checkpoint, interpolate=True)
    mvit = save_contrastive(tmp_path / "mvit.ckpt", contrastive_model())
    with pytest.raises(CheckpointMismatchError, match="holds an encoder of kind MViT, the model has one of kind Tiny"):
        load_tower_weights(other, mvit)


def test_a_run_does_not_go_on_from_another_kind(
    tiny_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = torch.load(tiny_checkpoint, weights_only=True)
    checkpoint["cmr_clip"]["video_encoder"]["kind"] = "Cousin"  # its tensors have the same names and shapes
    torch.save(checkpoint, tmp_path / "cousin.ckpt")
    config = tiny_checkpoint.parents[2] / "pretrain.yaml"
    line = refused(["fit", "--config", config, "--ckpt_path", tmp_path / "cousin.ckpt"], capsys)
    assert "video encoder is of kind Cousin, the model's of kind TinyConv" in line


def described_as(path: Path, **changes: object) -> Path:
    """An mViT's checkpoint, its description changed; None takes a field away."""
    model = contrastive_model()
    described = our_description(model, "ContrastivePretraining")
    encoder = {**described["video_encoder"], **changes}
    described["video_encoder"] = {name: value for name, value in encoder.items() if value is not None}
    return save(path, {f"model.{name}": value for name, value in model.state_dict().items()}, cmr_clip=described)


def test_files_of_before_kinds_are_mvit(tmp_path: Path) -> None:
    old, new = described_as(tmp_path / "old.ckpt", kind=None), described_as(tmp_path / "new.ckpt")
    small = torch.randn(2, 1, 4, 32, 32)
    model, _ = load_pretrained(old)
    assert torch.equal(model(small), load_pretrained(new)[0](small))
    assert describe(model.video_encoder)["kind"] == "MViT"


def test_an_unknown_kind_is_named_with_the_known_ones(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = described_as(tmp_path / "new.ckpt", kind="Hyena")
    line = refused(["export", "--checkpoint", path, "--out", tmp_path / "out"], capsys)
    assert "new.ckpt holds a video encoder of kind 'Hyena'" in line
    assert "known are MViT, TinyConv (name the module that registers it in CMR_CLIP_EXTENSIONS, or install" in line


@pytest.mark.parametrize("more", [{"width": 5, "features": 9}, {}])
def test_a_kind_that_contradicts_the_rest_of_the_file_is_refused(more: dict[str, int], tmp_path: Path) -> None:
    gone = dict.fromkeys(("dims", "heads", "depths", "patch_kernel", "patch_stride", "pool_norm_eps", "init_std"))
    path = described_as(tmp_path / "mixed.ckpt", kind="TinyConv", **(gone | more if more else {}))
    message = (
        "kind TinyConv, but holds none of that kind's 4 tensors" if more else "TinyConv that this version does not"
    )
    with pytest.raises(CmrClipError, match=message):
        load_pretrained(path)


@pytest.mark.parametrize(
    ("described", "message"),
    [
        ("mvit", "does not describe its video encoder"),
        ({"kind": ["MViT"], "clip_shape": [4, 32, 32]}, r"kind \['MViT'\], which is not known"),
        ({"kind": "TinyConv", "clip_shape": 4}, "its clip_shape is 4"),
    ],
)
def test_descriptions_that_are_none(described: object, message: str) -> None:
    with pytest.raises(CmrClipError, match=message):
        read_description(described, "a file")


def test_a_name_is_taken_once_and_given_back() -> None:
    again = type("TinyConv", (TinyConv,), {})
    for kind in (TinyConv, again, type("MViT", (TinyConv,), {})):
        with pytest.raises(CmrClipError, match=f"kind {kind.__name__} is registered already"):
            register(kind)
    with registered(type("Other", (TinyConv,), {})):
        assert kinds() == ("MViT", "TinyConv", "Other")
    assert kinds() == ("MViT", "TinyConv")
    with pytest.raises(CmrClipError, match="is of no registered kind"):
        describe(again())  # another class of that name


def test_a_file_that_two_kinds_recognise_is_refused(tmp_path: Path) -> None:
    with (
        registered(type("Twin", (TinyConv,), {})),
        pytest.raises(CheckpointMismatchError, match=r"could be of several kinds: TinyConv, Twin"),
    ):
        load_pretrained(foreign_file(tmp_path / "tiny.pth"))


def test_what_nobody_recognises_names_what_is_known(tmp_path: Path) -> None:
    torch.save({"layer4.weight": torch.zeros(2)}, tmp_path / "resnet.pth")
    with pytest.raises(CheckpointMismatchError, match=r"resnet\.pth.*MViT, TinyConv.*weights of the tiny project"):
        load_pretrained(tmp_path / "resnet.pth")
