"""Adding an encoder is local: a network that the library does not know, defined here, goes through every command."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
import yaml
from torch import Tensor, nn

from cmr_clip import from_pretrained, load_contrastive, load_pretrained
from cmr_clip.cli import main
from cmr_clip.clips.spec import ClipSpec
from cmr_clip.encoders.protocol import ENCODER, Recognised, Renamed, VideoEncoder
from cmr_clip.encoders.registry import describe, kinds, read_description, register, registered
from cmr_clip.errors import CheckpointMismatchError, CmrClipError
from tests.support.cohort import TOKENIZER, Cohort
from tests.support.weights import contrastive_model, our_description, save, save_contrastive

SHAPE = (6, 40, 40)
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

    def __init__(self, clip_shape: tuple[int, int, int] = SHAPE, width: int = 4, features: int = 12) -> None:
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
        config = {"clip_shape": list(SHAPE), "width": width, "features": features}
        return Recognised("tiny_project", config, ClipSpec(n_frames=6, size=40, mean=0.5, std=0.5))

    @classmethod
    def rename(cls, state: Mapping[str, Tensor]) -> Renamed:
        ours = {ENCODER + ours: state[theirs] for theirs, ours in THEIRS.items()}
        return Renamed(ours, tuple(name for name in state if name.startswith("decoder.")))

    @classmethod
    def summary(cls, config: Mapping[str, Any]) -> str:
        return f"two convolutions of {config['width']} and {config['features']} channels"


@pytest.fixture(autouse=True)
def known() -> Iterator[None]:
    with registered(TinyConv):
        yield


def foreign_file(path: Path) -> Path:
    """The other project's weights, with a decoder that nobody here needs."""
    torch.manual_seed(3)
    own = TinyConv(width=5, features=9).state_dict()
    state = {theirs: own[ours] for theirs, ours in THEIRS.items()}
    torch.save({"state_dict": {f"module.{name}": t for name, t in state.items()} | {"decoder.w": torch.ones(2)}}, path)
    return path


def recipe(path: Path, task: str, model: Mapping[str, Any], data_class: str, data: Mapping[str, Any]) -> Path:
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


@pytest.fixture(scope="module")
def pretrained(cohort: Cohort, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of one step of contrastive pretraining, started from the other project's weights."""
    root = tmp_path_factory.mktemp("tiny")
    text = {"class_path": "cmr_clip.encoders.bert.BertTextEncoder"}
    text["init_args"] = {"source": TOKENIZER, "frozen_layers": 5, "random_weights": True}
    model = {"text_encoder": text, "embed_dim": 16, "kinetics_weights": str(foreign_file(root / "tiny.pth"))}
    data = {"sentences": str(cohort.sentences), "batch_size": 5}
    path = recipe(
        root / "pretrain.yaml",
        "contrastive.ContrastivePretraining",
        model,
        "contrastive_module.ContrastiveDataModule",
        {**data, "store": str(cohort.store), "splits": str(cohort.splits)},
    )
    with registered(TinyConv):
        assert main(["fit", "--config", str(path)]) == 0
    return root / "pretrain" / "checkpoints" / "last.ckpt"


def clips(count: int = 2) -> Tensor:
    return torch.randn(count, 3, *SHAPE, generator=torch.Generator().manual_seed(1))


def refused(arguments: Sequence[object], capsys: pytest.CaptureFixture[str]) -> str:
    assert main([str(argument) for argument in arguments]) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    return line


def test_a_checkpoint_of_fit_states_its_kind_and_loads(pretrained: Path) -> None:
    described = torch.load(pretrained, weights_only=True)["cmr_clip"]["video_encoder"]
    assert described == {"kind": "TinyConv", "clip_shape": [6, 40, 40], "width": 5, "features": 9}
    model, receipt = load_pretrained(pretrained)
    assert isinstance(model.video_encoder, TinyConv)
    assert (receipt.origin, receipt.missing, receipt.unexpected) == ("cmr_clip", (), ())
    assert "two convolutions of 5 and 9 channels" in str(receipt)
    assert (model.features(clips()).shape, model(clips()).shape) == ((2, 9), (2, 16))
    assert isinstance(load_contrastive(pretrained).model.video_encoder, TinyConv)


def test_another_projects_file_loads_under_our_names(tmp_path: Path) -> None:
    path = foreign_file(tmp_path / "tiny.pth")
    model, receipt = load_pretrained(path)
    assert (receipt.origin, receipt.ignored, len(receipt.loaded)) == ("tiny_project", ("decoder.w",), 4)
    assert model.preprocessing == ClipSpec(n_frames=6, size=40, mean=0.5, std=0.5)
    torch.manual_seed(3)
    torch.testing.assert_close(model.features(clips()), TinyConv(width=5, features=9)(clips()))


def test_a_store_embeds_and_an_export_loads_everywhere(pretrained: Path, cohort: Cohort, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(["export", "--checkpoint", str(pretrained), "--out", str(out)]) == 0
    config = json.loads((out / "config.json").read_text())
    assert config["video_encoder"]["kind"] == "TinyConv"
    card = (out / "README.md").read_text()
    assert "two convolutions of 5 and 9 channels, for clips of 6 frames of 40 × 40 pixels, 9 features" in card
    tables = []
    for place in (pretrained, out):
        arguments = ["embed", "--checkpoint", str(place), "--store", str(cohort.store), "--out", str(tmp_path / "e.pq")]
        assert main(arguments) == 0
        tables.append(pd.read_parquet(tmp_path / "e.pq"))
    pd.testing.assert_frame_equal(*tables)
    wanted = load_pretrained(pretrained)[0](clips())
    assert torch.equal(load_pretrained(out)[0](clips()), wanted)
    assert torch.equal(from_pretrained(out)(clips()), wanted)


@pytest.mark.slow
def test_onnx(pretrained: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    assert main(["export", "--checkpoint", str(pretrained), "--out", str(tmp_path / "out"), "--onnx"]) == 0
    assert (tmp_path / "out" / "model.onnx").exists()


def test_fine_tuning_starts_from_it(pretrained: Path, cohort: Cohort, tmp_path: Path) -> None:
    head = {"class_path": "cmr_clip.models.heads.BinaryHead", "init_args": {"target": "dilated"}}
    path = recipe(
        tmp_path / "tuned.yaml",
        "finetuning.StudyFinetuning",
        {"heads": [head], "embed_dim": 16, "hidden": 8, "encoder_checkpoint": str(pretrained)},
        "bag_module.StudyBagDataModule",
        {"store": str(cohort.store), "labels": str(cohort.labels), "splits": str(cohort.splits), "batch_size": 5},
    )
    assert main(["fit", "--config", str(path)]) == 0
    tuned = torch.load(tmp_path / "tuned" / "checkpoints" / "last.ckpt", weights_only=True)
    before = torch.load(pretrained, weights_only=True)["state_dict"]
    names = [name for name in before if name.startswith("model.video_encoder.")]
    assert len(names) == 4
    assert all(torch.equal(tuned["state_dict"][name], before[name]) for name in names)  # the encoder is frozen
    assert tuned["cmr_clip"]["video_encoder"]["kind"] == "TinyConv"


def test_other_clip_shapes_are_refused_in_one_sentence(pretrained: Path) -> None:
    with pytest.raises(CmrClipError, match=r"TinyConv takes clips of .*\(6, 40, 40\).*not \(8, 40, 40\)"):
        load_pretrained(pretrained, n_frames=8)
    assert load_pretrained(pretrained, n_frames=6, size=40)[1].interpolated == ()


def test_weights_of_another_clip_shape_or_kind_do_not_start_a_training(pretrained: Path, tmp_path: Path) -> None:
    from cmr_clip.models.towers import VideoTower
    from cmr_clip.weights.into_task import load_tower_weights

    other = VideoTower(TinyConv((8, 40, 40), width=5, features=9), 16)
    with pytest.raises(CheckpointMismatchError, match=r"trained on clips of \(6, 40, 40\), the encoder takes \(8"):
        load_tower_weights(other, pretrained)  # every tensor fits by name and shape
    with pytest.raises(CmrClipError, match="TinyConv takes clips of the shape it was trained on"):
        load_tower_weights(other, pretrained, interpolate=True)
    mvit = save_contrastive(tmp_path / "mvit.ckpt", contrastive_model())
    with pytest.raises(CheckpointMismatchError, match="holds an encoder of kind MViT, the model has one of kind Tiny"):
        load_tower_weights(other, mvit)


def test_a_run_does_not_go_on_from_another_kind(
    pretrained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = torch.load(pretrained, weights_only=True)
    checkpoint["cmr_clip"]["video_encoder"]["kind"] = "Cousin"  # its tensors have the same names and shapes
    torch.save(checkpoint, tmp_path / "cousin.ckpt")
    config = pretrained.parents[2] / "pretrain.yaml"
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
    assert "known are MViT, TinyConv (import the module that registers it, or install" in line


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
