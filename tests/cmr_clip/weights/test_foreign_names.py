"""The same encoder under other names: pytorchvideo's, torchvision's, aliases and wrappers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from cmr_clip import load_pretrained
from cmr_clip.clips.spec import ClipSpec
from cmr_clip.encoders.mvit.foreign_names import merge_aliases
from cmr_clip.encoders.mvit.presets import mvit_tiny
from cmr_clip.errors import CheckpointMismatchError, CmrClipError
from cmr_clip.weights.files import strip_wrappers
from cmr_clip.weights.into_task import load_encoder_weights
from tests.support.weights import (
    authors_state,
    eps_of,
    kinetics_state,
    mvit_b_with,
    random_clips,
    save,
)


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


def test_kinetics_weights_give_features_and_embed_only_on_request(kinetics: Path) -> None:
    model, receipt = load_pretrained(kinetics)
    assert (receipt.origin, eps_of(model), len(receipt.loaded)) == ("pytorchvideo", 1e-5, 375)
    assert receipt.missing == ("video_proj.weight", "video_proj.bias")
    assert model.preprocessing == ClipSpec(n_frames=4, size=32)
    torch.testing.assert_close(model.features(random_clips()), mvit_b_with(kinetics_state())(random_clips()))
    with pytest.raises(CmrClipError, match=r"no projection.*random_projection=True"):
        model(random_clips())
    ready, receipt = load_pretrained(kinetics, random_projection=True, embed_dim=64)
    assert (receipt.missing, receipt.untrained) == ((), ("video_proj.weight", "video_proj.bias"))
    torch.testing.assert_close(ready(random_clips()).norm(dim=1), torch.ones(2))
    again, _ = load_pretrained(kinetics, random_projection=True, embed_dim=64)
    assert torch.equal(ready.video_proj.weight, again.video_proj.weight)


def test_torchvisions_names_and_epsilon(tmp_path: Path) -> None:
    torch.save(torchvision_state(kinetics_state()), tmp_path / "mvit_v1_b.pth")
    model, receipt = load_pretrained(tmp_path / "mvit_v1_b.pth")
    assert (receipt.origin, eps_of(model), len(receipt.loaded)) == ("torchvision", 1e-6, 375)
    assert receipt.unexpected == ()
    features = {eps: mvit_b_with(kinetics_state(), eps)(random_clips()) for eps in (1e-6, 1e-5)}
    torch.testing.assert_close(model.features(random_clips()), features[1e-6], atol=1e-6, rtol=1e-6)
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
