"""Weights of every known origin: what loads, what the receipt says, what is refused."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from cmr_clip import load_pretrained
from cmr_clip.clips.spec import ClipSpec
from cmr_clip.encoders.mvit.foreign_names import merge_aliases
from cmr_clip.encoders.mvit.presets import mvit_tiny
from cmr_clip.errors import CheckpointMismatchError, CmrClipError
from cmr_clip.models.towers import VideoTower
from cmr_clip.weights.files import strip_wrappers
from cmr_clip.weights.into_task import load_encoder_weights, load_tower_weights
from tests.support.weights import (
    SMALL,
    authors_state,
    contrastive_model,
    fill,
    mvit_b,
    mvit_b_with,
    our_description,
    save,
    save_contrastive,
)

POSITIONS = tuple(f"video_encoder.cls_positional_encoding.pos_embed_{axis}" for axis in ("spatial", "temporal"))
EXTRAS = {
    "classif_loss.pos_weight": torch.tensor(3.0),
    "model.text_encoder.embeddings.weight": torch.zeros(2, 2),
    "model.video_encoder.head.proj.weight": torch.zeros(400, 768),
}


@pytest.fixture(scope="module")
def authors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authors' contrastive checkpoint of a full mViT-B for small clips, with what else theirs holds."""
    path = tmp_path_factory.mktemp("authors") / "contrastive.ckpt"
    hyper = {"frames": 16, "pos_weight": np.float64(2.5), "target": None, "wd": np.int64(1)}
    return save(path, authors_state() | EXTRAS | {"surprise": torch.zeros(1)}, hyper_parameters=hyper)


@functools.cache
def kinetics_state(clip_shape: tuple[int, int, int] = SMALL) -> dict[str, torch.Tensor]:
    with torch.device("meta"):
        wanted = mvit_b(clip_shape).state_dict()
    state = {name: fill("kinetics." + name, value.shape) for name, value in wanted.items()}
    return state | {"head.proj.weight": torch.zeros(400, 768), "head.proj.bias": torch.zeros(400)}


@pytest.fixture(scope="module")
def kinetics(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("kinetics") / "MVIT_B.pyth"
    torch.save({"model_state": kinetics_state()}, path)
    return path


def torchvision_state(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Our names to torchvision's, written from its module structure."""
    names = {
        "patch_embed.patch_model.weight": "conv_proj.weight",
        "patch_embed.patch_model.bias": "conv_proj.bias",
        "cls_positional_encoding.cls_token": "pos_encoding.class_token",
        "cls_positional_encoding.pos_embed_class": "pos_encoding.class_pos",
        "cls_positional_encoding.pos_embed_spatial": "pos_encoding.spatial_pos",
        "cls_positional_encoding.pos_embed_temporal": "pos_encoding.temporal_pos",
        "norm_embed.weight": "norm.weight",
        "norm_embed.bias": "norm.bias",
        "head.proj.weight": "head.1.weight",
        "head.proj.bias": "head.1.bias",
    }
    out: dict[str, torch.Tensor] = {}
    for name, value in state.items():
        if name in names:
            flat = value[0, 0] if name.endswith(("cls_token", "pos_embed_class")) else value
            out[names[name]] = flat[0] if name.endswith(("spatial", "temporal")) else flat
            continue
        block, index, part, rest = name.split(".", 3)
        kind, _, leaf = rest.rpartition(".")
        if part == "attn" and kind in "qkv":
            joint = [state[f"{block}.{index}.attn.{letter}.{leaf}"] for letter in "qkv"]
            out[f"{block}.{index}.attn.qkv.{leaf}"] = torch.cat(joint)
        elif part == "attn":
            letter = kind[-1]
            place = {"proj": "project.0", f"pool_{letter}": f"pool_{letter}.pool"}
            out[f"{block}.{index}.attn.{place.get(kind, f'pool_{letter}.norm_act.0')}.{leaf}"] = value
        elif part == "mlp":
            out[f"{block}.{index}.mlp.{0 if kind == 'fc1' else 3}.{leaf}"] = value
        else:
            out[f"{block}.{index}.{'project' if part == 'proj' else part}.{rest}"] = value
    return out


def eps_of(model: VideoTower) -> float:
    return model.video_encoder.config["pool_norm_eps"]


def clips(count: int = 2, channels: int = 3) -> torch.Tensor:
    return torch.randn(count, channels, *SMALL, generator=torch.Generator().manual_seed(5))


def test_the_authors_contrastive_checkpoint(authors: Path) -> None:
    before = torch.get_rng_state()
    model, receipt = load_pretrained(authors)
    assert torch.equal(torch.get_rng_state(), before)
    assert (receipt.origin, eps_of(model), len(receipt.loaded)) == ("authors_contrastive", 1e-5, 377)
    assert (receipt.missing, receipt.unexpected) == ((), ("surprise",))
    assert set(receipt.ignored) == {name.removeprefix("model.") for name in EXTRAS}
    assert "legacy_positional_embeddings" in str(receipt)
    state = authors_state()  # the two that str.strip("model.") loses are among them
    assert {*POSITIONS} <= set(receipt.loaded)
    assert all(torch.equal(value, state[f"model.{name}"]) for name, value in model.state_dict().items())
    assert model.preprocessing == ClipSpec.compat(n_frames=4, size=32)
    assert not model.training
    embeddings, features = model(clips()), model.features(clips())
    assert (embeddings.shape, features.shape) == ((2, 512), (2, 768))
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(2))
    by_hand = features @ state["model.video_proj.weight"].T + state["model.video_proj.bias"]
    torch.testing.assert_close(embeddings, by_hand / by_hand.norm(dim=1, keepdim=True))
    grey = clips(channels=1)
    torch.testing.assert_close(model(grey), model(grey.expand(-1, 3, -1, -1, -1)), atol=1e-5, rtol=1e-5)


def test_the_legacy_positional_embeddings_come_on_request(authors: Path, kinetics: Path) -> None:
    state, other = authors_state(), kinetics_state()
    legacy, receipt = load_pretrained(authors, legacy_positional_embeddings=kinetics)
    for name in POSITIONS:
        assert torch.equal(legacy.state_dict()[name], other[name.removeprefix("video_encoder.")])
    rest = set(legacy.state_dict()) - set(POSITIONS)
    assert all(torch.equal(state[f"model.{name}"], legacy.state_dict()[name]) for name in rest)
    assert (receipt.replaced, receipt.notes) == (POSITIONS, ())


def test_legacy_embeddings_are_for_that_checkpoint_and_its_shape_only(
    authors: Path, kinetics: Path, tmp_path: Path
) -> None:
    torch.save({"model_state": kinetics_state((8, 32, 32))}, tmp_path / "other.pyth")
    with pytest.raises(CheckpointMismatchError, match=r"pos_embed_temporal has shape \(1, 4, 96\)"):
        load_pretrained(authors, legacy_positional_embeddings=tmp_path / "other.pyth")
    with pytest.raises(CmrClipError, match=r"is pytorchvideo \(leave it out"):
        load_pretrained(kinetics, legacy_positional_embeddings=kinetics)


def test_kinetics_weights_give_features_and_embed_only_on_request(kinetics: Path) -> None:
    model, receipt = load_pretrained(kinetics)
    assert (receipt.origin, eps_of(model), len(receipt.loaded)) == ("pytorchvideo", 1e-5, 375)
    assert receipt.missing == ("video_proj.weight", "video_proj.bias")
    assert model.preprocessing == ClipSpec(n_frames=4, size=32)
    torch.testing.assert_close(model.features(clips()), mvit_b_with(kinetics_state())(clips()))
    with pytest.raises(CmrClipError, match=r"no projection.*random_projection=True"):
        model(clips())
    ready, receipt = load_pretrained(kinetics, random_projection=True, embed_dim=64)
    assert (receipt.missing, receipt.untrained) == ((), ("video_proj.weight", "video_proj.bias"))
    torch.testing.assert_close(ready(clips()).norm(dim=1), torch.ones(2))
    again, _ = load_pretrained(kinetics, random_projection=True, embed_dim=64)
    assert torch.equal(ready.video_proj.weight, again.video_proj.weight)


def test_torchvisions_names_and_epsilon(tmp_path: Path) -> None:
    torch.save(torchvision_state(kinetics_state()), tmp_path / "mvit_v1_b.pth")
    model, receipt = load_pretrained(tmp_path / "mvit_v1_b.pth")
    assert (receipt.origin, eps_of(model), len(receipt.loaded)) == ("torchvision", 1e-6, 375)
    assert receipt.unexpected == ()
    features = {eps: mvit_b_with(kinetics_state(), eps)(clips()) for eps in (1e-6, 1e-5)}
    torch.testing.assert_close(model.features(clips()), features[1e-6], atol=1e-6, rtol=1e-6)
    assert (features[1e-5] - features[1e-6]).abs().max() > 1e-5  # the epsilon is not a detail
    with pytest.raises(CheckpointMismatchError, match="pool_norm_eps: 1e-06"):
        load_encoder_weights(mvit_b_with(kinetics_state()), tmp_path / "mvit_v1_b.pth")
    assert load_encoder_weights(mvit_b_with(kinetics_state(), 1e-6), tmp_path / "mvit_v1_b.pth").origin == "torchvision"


def test_alias_names_alone_or_beside_the_first_ones(tmp_path: Path) -> None:
    state = authors_state()
    first = {name: value for name, value in state.items() if ".attn.pool_" in name or ".attn.norm_" in name}
    aliases = {}
    for name, value in first.items():
        head, kind = name.rsplit(".attn.", 1)
        part, leaf = kind.split(".")
        letter = part[-1]
        aliases[f"{head}.attn._attention_pool_{letter}.{part[:-2]}.{leaf}"] = value
    assert len(aliases) == 105
    both, found = merge_aliases(state | aliases)
    assert (set(both), set(found)) == (set(state), set(aliases))
    alone = {name: value for name, value in state.items() if name not in first} | aliases
    model, receipt = load_pretrained(save(tmp_path / "alone.ckpt", alone))
    assert (len(receipt.loaded), receipt.missing, len(receipt.ignored)) == (377, (), 105)
    assert all(torch.equal(value, state[f"model.{name}"]) for name, value in model.state_dict().items())
    other = next(iter(aliases))
    with pytest.raises(CheckpointMismatchError, match="two different tensors"):
        merge_aliases(state | aliases | {other: aliases[other] + 1})


@pytest.mark.parametrize("prefix", ["", "module._orig_mod.model."])
def test_wrappers_and_half_precision_do_not_matter(prefix: str, tmp_path: Path) -> None:
    state = authors_state()
    wrapped = {prefix + name.removeprefix("model."): value.half() for name, value in state.items()}
    model, receipt = load_pretrained(save(tmp_path / "wrapped.ckpt", wrapped))
    assert len(receipt.loaded) == 377
    assert all(torch.equal(value, state[f"model.{name}"].half().float()) for name, value in model.state_dict().items())


def test_a_compiled_encoder_and_two_models_in_one_file() -> None:
    state = {f"video_encoder.{name}": value for name, value in mvit_tiny(4, 32).state_dict().items()}
    compiled = {f"model.{name}".replace("encoder.", "encoder._orig_mod.", 1): value for name, value in state.items()}
    assert list(strip_wrappers(compiled, "compiled")) == list(state)
    with pytest.raises(CheckpointMismatchError, match="two different tensors"):
        strip_wrappers(state | {name: value + 1 for name, value in compiled.items()}, "two")


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


def test_our_checkpoint_loads_as_it_was_described(tmp_path: Path) -> None:
    trained = contrastive_model()
    path = save_contrastive(tmp_path / "ours.ckpt", trained)
    model, receipt = load_pretrained(path)
    assert (receipt.origin, receipt.unexpected, receipt.missing) == ("cmr_clip", (), ())
    assert all(name.startswith(("text_", "log_temperature")) for name in receipt.ignored)
    torch.testing.assert_close(model(clips(2, 1)), trained(clips(2, 1)))
    assert model.preprocessing.field_of_view_mm == 120
    tower = VideoTower(mvit_b_with(kinetics_state()), 512)
    with pytest.raises(CheckpointMismatchError):
        load_tower_weights(tower, path)


def test_an_authors_checkpoint_starts_a_fine_tuning(authors: Path, tmp_path: Path) -> None:
    tower = VideoTower(mvit_b(), 512)
    receipt = load_tower_weights(tower, authors)
    assert (len(receipt.loaded), receipt.origin) == (377, "authors_contrastive")
    state = authors_state()
    assert all(torch.equal(value, state[f"model.{name}"]) for name, value in tower.state_dict().items())
    with pytest.raises(CheckpointMismatchError, match="epsilon of 1e-05 after pooling, the encoder has 1e-06"):
        load_tower_weights(VideoTower(mvit_b_with(kinetics_state(), 1e-6), 512), authors)


def test_other_clip_shapes_are_interpolated_and_the_preprocessing_follows(authors: Path) -> None:
    model, receipt = load_pretrained(authors, n_frames=8, size=48)
    assert receipt.interpolated == POSITIONS
    compat = ClipSpec.compat(n_frames=4, size=32)
    assert (model.preprocessing.n_frames, model.preprocessing.size) == (8, 48)
    assert (model.preprocessing.crop, model.preprocessing.mean) == (compat.crop, compat.mean)  # the same field of view
    assert model(torch.randn(1, 3, 8, 48, 48)).shape == (1, 512)
    wide, _ = load_pretrained(authors, clip_shape=(4, 48, 32))
    assert wide(torch.randn(1, 3, 4, 48, 32)).shape == (1, 512)
    assert load_pretrained(authors, clip_shape=SMALL)[1].interpolated == ()
    with pytest.raises(CmrClipError, match="give one of the two"):
        load_pretrained(authors, clip_shape=SMALL, size=48)


@pytest.mark.slow
def test_the_names_for_users_import_no_lightning() -> None:
    code = (
        "import sys, cmr_clip as m; [getattr(m, name) for name in m.__all__]; "
        "sys.exit(any('lightning' in name and not name.startswith('lightning_utilities') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
