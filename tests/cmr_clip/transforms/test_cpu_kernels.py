"""The compiled loops of CPUs against the torch operations of GPUs; the slow reference tests them in test_augmix.py."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from cmr_clip.transforms.augmentation import SampledWindow
from cmr_clip.transforms.augmix import cpu_loops as kernels
from cmr_clip.transforms.augmix.augmix import AugMix
from cmr_clip.transforms.augmix.cpu_loops import compiled
from cmr_clip.transforms.augmix.plans import Branch, ClipPlan, Operation, step_at
from cmr_clip.transforms.crop import crop_by_grid, crop_on_cpu
from tests.support.slow_augmix import rounds_interpolated_values, slow_augmix


def levels(seed: int, *shape: int) -> torch.Tensor:
    """Smooth noise on the 256 levels, `shape`."""
    noise = torch.rand(shape, generator=torch.Generator().manual_seed(seed))
    smooth = torch.nn.functional.avg_pool2d(noise.flatten(0, -3), 3, 1, 1).view(shape)
    return (smooth * 255).round() / 255


def both_ways(augmix: AugMix, clips: torch.Tensor, plans: list[ClipPlan]) -> tuple[torch.Tensor, torch.Tensor]:
    return augmix.apply(clips, plans), augmix._apply_in_parts(clips, plans)


def assert_equal(fast: torch.Tensor, wanted: torch.Tensor, plan: ClipPlan) -> None:
    """Equal to 1e-5; where levels of interpolated values are taken, up to rare pixels on the edge of two levels."""
    close = ((fast - wanted).abs() < 1e-5).float().mean()
    assert close == 1 or (rounds_interpolated_values(plan) and close > 0.98), (plan, close)


def test_every_pair_of_operations_is_as_on_a_gpu() -> None:
    rng = np.random.default_rng(4)
    pairs = [(first, second) for first in Operation for second in Operation]
    plans = [
        ClipPlan(
            0.2,
            (
                Branch(0.6, tuple(step_at(op, rng.uniform(0.1, 10), negate=rng.random() < 0.5) for op in pair)),
                Branch(0.4, (step_at(pair[0], 2.0),)),
            ),
        )
        for pair in pairs
    ]
    clips = levels(1, len(pairs), 3, 23, 18)
    for plan, fast, wanted in zip(plans, *both_ways(AugMix(fill=0.3), clips, plans), strict=True):
        assert_equal(fast, wanted, plan)


@pytest.mark.parametrize("frames", [1, 5, 16, 33])
def test_drawn_mixtures_are_as_on_a_gpu(frames: int) -> None:
    augmix = AugMix(magnitude=6)
    plans = [augmix.draw(np.random.default_rng([frames, clip])) for clip in range(20)]
    clips = levels(2, 20, frames, 40, 31)
    fast, wanted = both_ways(augmix, clips, plans)
    for plan, ours, theirs in zip(plans, fast, wanted, strict=True):
        assert_equal(ours, theirs, plan)
    assert fast.is_contiguous()
    last = clips.contiguous(memory_format=torch.channels_last)
    assert torch.equal(augmix.apply(last, plans), fast)


def test_the_way_of_gpus_follows_the_slow_reference_and_may_take_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    augmix = AugMix(fill=0.1)
    plans = [augmix.draw(np.random.default_rng(seed)) for seed in range(24)]
    clips = levels(3, 24, 2, 14, 17)
    out = augmix._apply_in_parts(clips, plans)
    for clip, plan, fast in zip(clips, plans, out, strict=True):
        assert_equal(fast, torch.from_numpy(slow_augmix(clip.double().numpy(), plan, 0.1)).float(), plan)
    for room in (1, 5000):  # each clip by itself; ten at a time
        monkeypatch.setattr("cmr_clip.transforms.augmix.augmix._DEVICE_PIXELS", room)
        torch.testing.assert_close(augmix._apply_in_parts(clips, plans), out, rtol=0, atol=1e-6)


@pytest.mark.parametrize("shape", [(31, 40), (1, 9), (9, 1), (1, 1), (2, 2)])
def test_the_crop_is_as_on_a_gpu(shape: tuple[int, int]) -> None:
    """Inside, across the edge, outside, mirrored, turned, larger than the image."""
    generator = torch.Generator().manual_seed(5)
    number = 60
    frames = torch.randint(0, 256, (number, 3, *shape), generator=generator, dtype=torch.uint8)
    extent = torch.tensor(shape, dtype=torch.float32)
    centre = (torch.rand(number, 2, generator=generator) * 3 - 1) * extent
    half = (torch.rand(number, 2, generator=generator) + 0.1) * extent
    matrix = torch.eye(2).repeat(number, 1, 1)
    matrix[10:20, 1, 1] = -1
    matrix[20:] = torch.randn(number - 20, 2, 2, generator=generator)
    window = SampledWindow(centre, half, matrix)
    fast = crop_on_cpu(frames, window, 12)
    wanted = crop_by_grid(frames, window, 12)
    torch.testing.assert_close(fast, wanted, rtol=0, atol=1e-4)
    assert (fast > 0).float().mean() > 0.05


def test_levels_outside_the_range_are_limited() -> None:
    got = np.empty(7, np.uint8)
    compiled(kernels.to_levels)(np.array([-3, -0.001, 0, 0.5, 1, 1.001, 700], np.float32), got)
    assert got.tolist() == [0, 0, 0, 128, 255, 255, 255]
    every = np.arange(256, dtype=np.uint8)
    got = np.empty(256, np.uint8)
    compiled(kernels.to_levels)(every.astype(np.float32) / np.float32(255), got)
    np.testing.assert_array_equal(got, every)


@pytest.mark.parametrize("length", [0, 1, 3, 4, 1001])
def test_counts_are_numpys(length: int) -> None:
    drawn = np.random.default_rng(length).integers(0, 256, length).astype(np.uint8)
    np.testing.assert_array_equal(compiled(kernels.count)(drawn), np.bincount(drawn, minlength=256))


def test_threads_and_forked_processes_give_the_same_bits() -> None:
    clips = levels(6, 4, 4, 20, 20)
    plans = [AugMix().draw(np.random.default_rng(seed)) for seed in range(4)]
    wanted = AugMix().apply(clips, plans)
    with ThreadPoolExecutor(4) as pool:
        assert all(torch.equal(out, wanted) for out in pool.map(lambda _: AugMix().apply(clips, plans), range(12)))
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.write(writing, b"ok" if torch.equal(AugMix().apply(clips, plans), wanted) else b"no")
        os._exit(0)
    os.wait()
    assert os.read(reading, 2) == b"ok"


@pytest.mark.slow
def test_importing_compiles_nothing_and_a_folder_to_write_to_is_not_needed() -> None:
    script = """
import sys, numpy as np
from cmr_clip.transforms.augmix.augmix import AugMix
import cmr_clip.transforms.clip_transform
assert "numba" not in sys.modules
import numba
from numba.core import caching
caching.CacheImpl._locator_classes = []
from cmr_clip.transforms.augmix import cpu_loops
try:
    numba.njit(cache=True)(cpu_loops.count)
    sys.exit("it found a folder")
except RuntimeError:
    pass
out = np.empty(2, np.uint8)
cpu_loops.compiled(cpu_loops.to_levels)(np.array([0, 1], np.float32), out)
assert out.tolist() == [0, 255]
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
