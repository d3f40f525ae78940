"""Pooling in token layout against sums written out, and which tokens a strided pooling reads."""

from __future__ import annotations

import itertools
import math
from typing import get_args

import pytest
import torch

from cmr_clip.encoders.mvit.kernels.pooling import PoolingKernel, depthwise_pool, max_pool, touched_grid, touched_tokens

CASES = [
    ((2, 17, 16), (1, 8, 8)),
    ((1, 8, 9), (1, 4, 4)),
    ((3, 5, 7), (1, 2, 2)),
    ((2, 3, 1), (1, 1, 1)),
    ((9, 10, 13), (5, 3, 4)),
    ((4, 1, 2), (1, 8, 8)),
]


def written_out(video: torch.Tensor, weight: torch.Tensor, stride: tuple[int, int, int]) -> torch.Tensor:
    """The sums of one clip `[T, H, W, D]`, position by position."""
    sizes = [(size - 1) // step + 1 for size, step in zip(video.shape[:3], stride, strict=True)]
    out = torch.zeros(*sizes, video.shape[3], dtype=video.dtype)
    for place in itertools.product(*map(range, sizes)):
        for tap in itertools.product(range(3), repeat=3):
            at = tuple(p * s + k - 1 for p, s, k in zip(place, stride, tap, strict=True))
            if all(0 <= a < size for a, size in zip(at, video.shape[:3], strict=True)):
                out[place] += video[at] * weight[:, 0, tap[0], tap[1], tap[2]]
    return out


@pytest.mark.parametrize("kernel", get_args(PoolingKernel))
@pytest.mark.parametrize(("grid", "stride"), CASES)
def test_all_kernels_are_the_written_out_sums(grid, stride, kernel) -> None:
    torch.manual_seed(0)
    video, weight = torch.randn(2, *grid, 4, dtype=torch.float64), torch.randn(4, 1, 3, 3, 3, dtype=torch.float64)
    pooled = depthwise_pool(video, weight, stride, kernel)
    for index in range(2):
        torch.testing.assert_close(pooled[index], written_out(video[index], weight, stride))


@pytest.mark.parametrize(("grid", "stride"), CASES)
def test_touched_tokens_are_those_that_move_the_output(grid, stride) -> None:
    video = torch.randn(1, *grid, 1, dtype=torch.float64, requires_grad=True)
    weight = torch.rand(1, 1, 3, 3, 3, dtype=torch.float64) + 0.1
    (moved,) = torch.autograd.grad(depthwise_pool(video, weight, stride).sum(), video)
    read = 1 + moved.flatten().nonzero().flatten()
    index = touched_tokens(grid, stride, torch.device("cpu"))
    assert index[0] == 0
    if max(stride) > 3:
        skipped = [step > 3 for step in stride]
        assert set(read.tolist()) <= set(index[1:].tolist())
        if all(flag or step == 1 for flag, step in zip(skipped, stride, strict=True)):
            assert read.tolist() == index[1:].tolist()
    else:
        assert index.tolist() == list(range(1 + math.prod(grid)))
    assert len(index) == 1 + math.prod(touched_grid(grid, stride))


@pytest.mark.parametrize(("grid", "stride"), CASES)
def test_pooling_the_touched_tokens_with_stride_three_is_the_same(grid, stride) -> None:
    video, weight = torch.randn(2, *grid, 4, dtype=torch.float64), torch.randn(4, 1, 3, 3, 3, dtype=torch.float64)
    index = touched_tokens(grid, stride, video.device)[1:] - 1
    compact = video.flatten(1, 3)[:, index].view(2, *touched_grid(grid, stride), 4)
    shorter = tuple(min(step, 3) for step in stride)
    torch.testing.assert_close(depthwise_pool(compact, weight, shorter), depthwise_pool(video, weight, stride))


def test_a_third_to_a_seventh_of_the_first_stages_tokens_is_read() -> None:
    for stride, share in (((1, 8, 8), 0.13), ((1, 4, 4), 0.54)):
        assert math.prod(touched_grid((8, 56, 56), stride)) / (8 * 56 * 56) == pytest.approx(share, abs=0.01)


def test_max_pool_leaves_the_class_token_and_stays_within_frames() -> None:
    tokens = torch.randn(2, 1 + 3 * 5 * 4, 6)
    pooled = max_pool(tokens, (3, 5, 4), (1, 3, 3), (1, 2, 2))
    assert torch.equal(pooled[:, 0], tokens[:, 0])
    video, out = tokens[:, 1:].view(2, 3, 5, 4, 6), pooled[:, 1:].view(2, 3, 3, 2, 6)
    for t, h, w in itertools.product(range(3), range(3), range(2)):
        window = video[:, t, max(2 * h - 1, 0) : 2 * h + 2, max(2 * w - 1, 0) : 2 * w + 2]
        assert torch.equal(out[:, t, h, w], window.amax(dim=(1, 2)))


def test_bf16_on_the_cpu_is_summed_in_fp32_and_gives_gradients() -> None:
    torch.manual_seed(0)
    video = torch.randn(1, 2, 5, 6, 8).bfloat16().requires_grad_()
    weight = torch.randn(8, 1, 3, 3, 3).bfloat16().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        out = depthwise_pool(video, weight, (1, 2, 2))
    out.float().square().sum().backward()
    assert out.dtype == torch.bfloat16
    wanted = written_out(video[0].detach().double(), weight.detach().double(), (1, 2, 2))
    assert float((out[0].detach().double() - wanted).abs().max() / wanted.abs().max()) < 2**-8
    assert video.grad is not None and weight.grad is not None
