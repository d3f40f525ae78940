"""The video encoder against the original network's numbers and against the unfused layers."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from pytorchvideo.layers.attention import MultiScaleBlock
from torch import nn

from cmr_clip.errors import CmrClipError
from cmr_clip.models.mvit import MViT, MViTBlock
from cmr_clip.models.presets import mvit_b_16x4, mvit_b_32x3, mvit_tiny
from tests.support.reference import shared
from tests.support.weights import fill

PREFIX = "model.video_encoder."


def test_parameter_names_and_shapes_are_those_of_the_authors_checkpoint() -> None:
    lines = shared("reference/golden/checkpoint_keys.txt").read_text().splitlines()
    wanted = dict(line.removeprefix(PREFIX).split("\t") for line in lines if line.startswith(PREFIX))
    with torch.device("meta"):
        state = mvit_b_16x4().state_dict()
    assert {name: str(tuple(value.shape)) for name, value in state.items()} == wanted


@pytest.mark.slow
def test_features_equal_the_original_networks() -> None:
    golden = json.loads(shared("reference/golden/mvit_b_16x4.json").read_text())
    model = mvit_b_16x4().eval()
    model.load_state_dict({name: fill(PREFIX + name, value.shape) for name, value in model.state_dict().items()})
    clips = np.random.RandomState(golden["seed"]).rand(3, 3, 16, 224, 224).astype(np.float32)
    with torch.no_grad():
        features = model(torch.from_numpy(clips))
    wanted = golden["feature_768"]
    assert list(features.shape) == wanted["shape"]
    np.testing.assert_allclose(features.flatten()[:6], wanted["first"], atol=1e-5)
    np.testing.assert_allclose(features.flatten()[-3:], wanted["last"], atol=1e-5)
    assert abs(float(features.mean()) - wanted["mean"]) < 1e-6
    assert abs(float(features.std(correction=0)) - wanted["std"]) < 1e-5


@pytest.mark.parametrize(
    ("dim", "dim_out", "heads", "q_stride", "kv_stride"),
    [(24, 24, 1, (1, 1, 1), (1, 4, 4)), (24, 48, 2, (1, 2, 2), (1, 2, 2)), (48, 48, 4, (1, 2, 2), (1, 1, 1))],
)
def test_a_block_equals_pytorchvideos(dim, dim_out, heads, q_stride, kv_stride) -> None:
    torch.manual_seed(0)
    ours = MViTBlock(dim, dim_out, heads, q_stride, kv_stride).eval()
    kernel_q = (3, 3, 3) if q_stride != (1, 1, 1) else (1, 1, 1)
    theirs = MultiScaleBlock(
        dim,
        dim_out,
        heads,
        qkv_bias=True,
        norm_layer=lambda size: nn.LayerNorm(size, eps=1e-6),
        kernel_q=kernel_q,
        kernel_kv=(3, 3, 3),
        stride_q=q_stride,
        stride_kv=kv_stride,
    ).eval()
    theirs.load_state_dict(ours.state_dict())
    tokens = torch.randn(2, 1 + 2 * 8 * 8, dim)
    out, grid = ours(tokens, (2, 8, 8))
    wanted, wanted_grid = theirs(tokens, [2, 8, 8])
    assert list(grid) == wanted_grid
    torch.testing.assert_close(out, wanted, atol=1e-5, rtol=1e-5)


def test_parameter_counts() -> None:
    with torch.device("meta"):
        counts = [sum(p.numel() for p in make().parameters()) for make in (mvit_b_16x4, mvit_b_32x3)]
    assert counts == [36_303_072, 36_303_840]


def test_one_channel_is_the_same_as_three_equal_ones() -> None:
    model = mvit_tiny(4, 32).eval()
    clips = torch.randn(2, 1, 4, 32, 32)
    torch.testing.assert_close(model(clips), model(clips.expand(-1, 3, -1, -1, -1)), atol=1e-5, rtol=1e-5)


def test_config_rebuilds_the_network() -> None:
    model = mvit_tiny(4, 32).eval()
    again = MViT(**json.loads(json.dumps(model.config))).eval()
    again.load_state_dict(model.state_dict())
    clips = torch.randn(1, 1, 4, 32, 32)
    torch.testing.assert_close(again(clips), model(clips))


def test_clips_of_another_size_are_refused_with_the_remedy() -> None:
    with pytest.raises(CmrClipError, match=r"\(4, 48, 48\).*\(4, 32, 32\).*clip_shape"):
        mvit_tiny(4, 32)(torch.zeros(1, 1, 4, 48, 48))


def test_every_parameter_gets_a_gradient() -> None:
    model = mvit_tiny(4, 32)
    model(torch.randn(2, 1, 4, 32, 32)).square().sum().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum()] == []
