"""The video encoder against the original network's numbers and against the unfused layers."""

from __future__ import annotations

import json
import math
import shutil
from typing import get_args

import numpy as np
import pytest
import torch
from pytorchvideo.layers.attention import MultiScaleBlock
from torch import nn

from benchmarks.baseline_encoder import BaselineEncoder
from cmr_clip.encoders.mvit.kernels.pooling import PoolingKernel, depthwise_pool
from cmr_clip.encoders.mvit.mvit import MViT, MViTBlock
from cmr_clip.encoders.mvit.presets import mvit_b_16x4, mvit_b_32x3, mvit_tiny
from cmr_clip.errors import CmrClipError
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


BLOCKS = [
    # dim, dim_out, heads, q_stride, kv_stride, grid
    (24, 24, 1, (1, 1, 1), (1, 8, 8), (2, 17, 16)),
    (24, 24, 2, (1, 1, 1), (1, 4, 4), (1, 8, 9)),
    (24, 48, 2, (1, 2, 2), (1, 4, 4), (3, 13, 5)),
    (24, 48, 2, (1, 2, 2), (1, 2, 2), (2, 8, 8)),
    (48, 48, 4, (1, 2, 2), (1, 1, 1), (2, 7, 6)),
]


def pair_of_blocks(dim, dim_out, heads, q_stride, kv_stride) -> tuple[MViTBlock, MultiScaleBlock]:
    """Ours and pytorchvideo's with the same random weights, in float64."""
    torch.manual_seed(0)
    ours = MViTBlock(dim, dim_out, heads, q_stride, kv_stride).double()
    theirs = MultiScaleBlock(
        dim,
        dim_out,
        heads,
        qkv_bias=True,
        norm_layer=lambda size: nn.LayerNorm(size, eps=1e-6),
        kernel_q=(3, 3, 3) if q_stride != (1, 1, 1) else (1, 1, 1),
        kernel_kv=(3, 3, 3),
        stride_q=q_stride,
        stride_kv=kv_stride,
    ).double()
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


def gradients(module: nn.Module, out: torch.Tensor, tokens: torch.Tensor) -> dict[str, torch.Tensor]:
    """Of an arbitrary function of the output."""
    names, parameters = zip(*module.named_parameters(), strict=True)
    weights = torch.linspace(-1, 2, out.numel(), dtype=out.dtype).view_as(out)
    found = torch.autograd.grad((out * weights).sum(), [tokens, *parameters])
    return dict(zip(("tokens", *names), found, strict=True))


@pytest.mark.parametrize("pooling", get_args(PoolingKernel))
@pytest.mark.parametrize("sizes", BLOCKS)
def test_a_block_and_its_gradients_equal_pytorchvideos(sizes, pooling) -> None:
    *shape, grid = sizes
    ours, theirs = pair_of_blocks(*shape)
    ours.attn.pooling = pooling
    tokens = torch.randn(2, 1 + math.prod(grid), shape[0], dtype=torch.float64, requires_grad=True)
    out, new_grid = ours(tokens, grid)
    wanted, wanted_grid = theirs(tokens, list(grid))
    assert list(new_grid) == wanted_grid
    torch.testing.assert_close(out, wanted, atol=1e-10, rtol=1e-10)
    torch.testing.assert_close(gradients(ours, out, tokens), gradients(theirs, wanted, tokens), atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("sizes", BLOCKS)
def test_the_class_token_alone_is_the_class_token_of_all(sizes) -> None:
    *shape, grid = sizes
    block, _ = pair_of_blocks(*shape)
    tokens = torch.randn(2, 1 + math.prod(grid), shape[0], dtype=torch.float64)
    alone, _ = block(tokens, grid, class_only=True)
    torch.testing.assert_close(alone, block(tokens, grid)[0][:, :1], atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("channels", [1, 3])
def test_an_encoder_and_its_gradients_equal_pytorchvideos_layers(channels) -> None:
    torch.manual_seed(1)
    ours = mvit_tiny(5, 40).double()
    for parameter in ours.parameters():
        nn.init.normal_(parameter, std=0.2)
    theirs = BaselineEncoder(ours).double()
    theirs.load_state_dict(ours.state_dict())
    clips = torch.randn(2, channels, 5, 40, 40, dtype=torch.float64)
    features = ours(clips)
    wanted = theirs(clips.expand(-1, 3, -1, -1, -1))
    torch.testing.assert_close(features, wanted, atol=1e-10, rtol=1e-10)
    weights = torch.randn_like(features)
    for encoder, out in ((ours, features), (theirs, wanted)):
        (out * weights).sum().backward()
        assert all(parameter.grad is not None for parameter in encoder.parameters())
    for (name, mine), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, other.grad, atol=1e-9, rtol=1e-9, msg=lambda text, name=name: name + text)


def saved_bytes_and_gradients(encoder: MViT, clips: torch.Tensor) -> tuple[int, list[torch.Tensor]]:
    weights = {parameter.untyped_storage().data_ptr() for parameter in encoder.parameters()}
    saved: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            saved[storage.data_ptr()] = storage.nbytes()
        return tensor

    encoder.zero_grad()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = encoder(clips).square().sum()
    forward_alone = sum(saved.values())
    loss.backward()
    return forward_alone, [parameter.grad.clone() for parameter in encoder.parameters()]


def test_checkpointed_stages_keep_less_and_give_the_same_gradients() -> None:
    encoder, clips = mvit_tiny(4, 64), torch.randn(2, 1, 4, 64, 64)
    bytes_by_stages, wanted = [], None
    for stages in (0, 1, 3):
        encoder.checkpoint_stages = stages
        kept, found = saved_bytes_and_gradients(encoder, clips)
        bytes_by_stages.append(kept)
        wanted = found if wanted is None else wanted
        assert all(torch.equal(a, b) for a, b in zip(found, wanted, strict=True))
    assert bytes_by_stages[1] < 0.85 * bytes_by_stages[0], bytes_by_stages
    assert bytes_by_stages[2] < 0.5 * bytes_by_stages[1], bytes_by_stages


def test_a_number_of_stages_that_is_not_there_is_refused() -> None:
    with pytest.raises(CmrClipError, match=r"checkpoint_stages is 4.*3 stages"):
        mvit_tiny(4, 32).checkpoint_stages = 4


def test_checkpointing_is_no_part_of_the_description() -> None:
    with torch.device("meta"):
        plain, saving = mvit_b_16x4(), mvit_b_16x4(checkpoint_stages=1)
    assert saving.checkpoint_stages == 1
    assert saving.config == plain.config
    assert saving.state_dict().keys() == plain.state_dict().keys()


@pytest.mark.slow
def test_the_encoder_compiles_to_one_graph_with_the_same_gradients() -> None:
    if shutil.which("g++") is None:
        pytest.skip("torch.compile needs a C++ compiler")
    torch.manual_seed(0)
    encoder = MViT((2, 48, 48), dims=(16, 32), heads=(1, 2), depths=(1, 1), init_std=0.1)
    clips = torch.randn(2, 1, 2, 48, 48)
    runs = []
    for run in (encoder, torch.compile(encoder, fullgraph=True)):
        encoder.zero_grad()
        features = run(clips)
        features.square().sum().backward()
        runs.append((features.detach(), [parameter.grad.clone() for parameter in encoder.parameters()]))
    torch.testing.assert_close(runs[1], runs[0], atol=2e-4, rtol=1e-3)


@pytest.mark.slow
def test_pooling_by_shifted_multiply_adds_compiles_to_one_graph() -> None:
    if shutil.which("g++") is None:
        pytest.skip("torch.compile needs a C++ compiler")
    torch.manual_seed(0)
    video = torch.randn(2, 3, 9, 8, 16, requires_grad=True)
    weight = torch.randn(16, 1, 3, 3, 3, requires_grad=True)
    found = []
    for pool in (depthwise_pool, torch.compile(depthwise_pool, fullgraph=True)):
        out = pool(video, weight, (1, 2, 2), "taps")
        found.append((out.detach(), *torch.autograd.grad(out.square().sum(), (video, weight))))
    torch.testing.assert_close(found[1], found[0], atol=1e-4, rtol=1e-4)


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


def test_pooling_of_queries_in_the_last_block_gets_zeros_and_not_nothing() -> None:
    """DDP refuses parameters without a gradient."""
    model = MViT((2, 48, 48), dims=(16, 32), heads=(1, 2), depths=(1, 1))
    model(torch.randn(1, 1, 2, 48, 48)).square().sum().backward()
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []


def test_every_parameter_gets_a_gradient() -> None:
    model = mvit_tiny(4, 32)
    model(torch.randn(2, 1, 4, 32, 32)).square().sum().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum()] == []
