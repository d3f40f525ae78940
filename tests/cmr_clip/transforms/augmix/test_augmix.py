"""AugMix against a slow reference, and what must hold for any clip."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cmr_clip.errors import ConfigurationError
from cmr_clip.transforms.augmix.augmix import AugMix
from cmr_clip.transforms.augmix.plans import GEOMETRIC, Branch, ClipPlan, Operation, Step, step_at
from tests.support.slow_augmix import rounds_interpolated_values, slow_augmix

SHAPE = (4, 26, 31)  # frames, rows, columns: uneven, so that axes cannot be mistaken


def beating(seed: int, shape: tuple[int, int, int] = SHAPE) -> torch.Tensor:
    """A clip on the 256 levels, dark outside a bright disc that changes its size, with noise: `[T, H, W]`."""
    rng = np.random.default_rng(seed)
    frames, rows, columns = shape
    y, x = np.mgrid[:rows, :columns]
    radius = rng.uniform(0.2, 0.4) * min(rows, columns) * (1 + 0.3 * np.sin(np.arange(frames)))
    inside = np.hypot(y - rows * rng.uniform(0.4, 0.6), x - columns * rng.uniform(0.4, 0.6)) < radius[:, None, None]
    values = 0.1 + 0.6 * inside + 0.08 * rng.standard_normal(shape)
    return torch.from_numpy(np.rint(values.clip(0, 0.95) * 255) / 255).float()


def assert_equal_to_reference(
    fast: torch.Tensor, clip: torch.Tensor, plan: ClipPlan, fill: float = 0.0, share: float = 0.995
) -> None:
    """Equal to 1e-5; where levels of interpolated values are taken, up to rare pixels on the edge of two levels."""
    slow = torch.from_numpy(slow_augmix(clip.double().numpy(), plan, fill))
    close = (fast.double() - slow).abs() < 1e-5
    if rounds_interpolated_values(plan):
        assert close.double().mean() > share, plan
    else:
        assert close.all(), (plan, (fast.double() - slow).abs().max())


def only(*steps: Step) -> ClipPlan:
    return ClipPlan(0.0, (Branch(1.0, steps),))


@pytest.mark.parametrize("operation", Operation)
@pytest.mark.parametrize("level", [0.1, 1.3, 3.0, 10.0])
@pytest.mark.parametrize("negate", [False, True])
def test_each_operation_alone(operation: Operation, level: float, negate: bool) -> None:
    if negate and operation not in GEOMETRIC:
        return
    clip = beating(1)
    plan = only(step_at(operation, level, negate=negate))
    assert_equal_to_reference(AugMix().apply(clip[None], [plan])[0], clip, plan)


def test_every_pair_of_operations() -> None:
    rng = np.random.default_rng(2)
    pairs = [(first, second) for first in Operation for second in Operation]
    plans = [only(*(step_at(op, rng.uniform(0.1, 10), negate=rng.random() < 0.5) for op in pair)) for pair in pairs]
    clips = torch.stack([beating(seed, (2, 14, 17)) for seed in range(len(pairs))])
    for clip, plan, fast in zip(clips, plans, AugMix().apply(clips, plans), strict=True):
        assert_equal_to_reference(fast, clip, plan, share=0.98)


@pytest.mark.parametrize("width", [1, 2, 3, 5])
@pytest.mark.parametrize("depth", [-1, 1, 2, 3, 6])
def test_drawn_mixtures(width: int, depth: int) -> None:
    augmix = AugMix(width=width, depth=depth, fill=0.2 * (width - 1), magnitude=depth + 4)
    plans = [augmix.draw(np.random.default_rng([width, depth + 1, clip])) for clip in range(6)]
    clips = torch.stack([beating(seed) for seed in range(6)])
    for clip, plan, fast in zip(clips, plans, augmix.apply(clips, plans), strict=True):
        assert_equal_to_reference(fast, clip, plan, augmix.fill, share=0.98)


def test_clips_off_the_grey_levels() -> None:
    clips = torch.rand(6, *SHAPE, generator=torch.Generator().manual_seed(3))
    plans = [AugMix().draw(np.random.default_rng(seed)) for seed in range(6)]
    for clip, plan, fast in zip(clips, plans, AugMix().apply(clips, plans), strict=True):
        slow = torch.from_numpy(slow_augmix(clip.double().numpy(), plan))
        assert ((fast - slow).abs() < 1e-5).double().mean() > 0.995


def test_a_result_does_not_depend_on_the_batch() -> None:
    clips = torch.stack([beating(seed) for seed in range(12)])

    def run(order: list[int]) -> dict[int, torch.Tensor]:
        out = AugMix()(clips[order], [np.random.default_rng(index) for index in order])
        return dict(zip(order, out, strict=True))

    together, reverse = run(list(range(12))), run(list(range(12))[::-1])
    for index in range(12):
        assert torch.equal(reverse[index], together[index])
        assert torch.equal(run([index])[index], together[index])
    assert not torch.equal(together[0], clips[0])


def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not() -> None:
    clips = torch.stack([beating(5)] * 3)
    first = AugMix()(clips, [np.random.default_rng(seed) for seed in (1, 1, 2)])
    again = AugMix()(clips, [np.random.default_rng(seed) for seed in (1, 1, 2)])
    assert torch.equal(first, again)
    assert torch.equal(first[0], first[1])
    assert not torch.equal(first[0], first[2])


def test_a_still_clip_stays_still_and_frames_share_their_parameters() -> None:
    still = beating(6)[:1].expand(5, -1, -1)
    clips = torch.stack([still] * 40)
    out = AugMix(magnitude=8)(clips, [np.random.default_rng(seed) for seed in range(40)])
    assert torch.equal(out, out[:, :1].expand_as(out))


def test_a_change_of_brightness_over_time_survives() -> None:
    """Statistics are the clip's: frames that differ by a constant keep their order under every table."""
    frames = torch.linspace(0.1, 0.8, 5)[:, None, None] + 0.1 * beating(7)[:1]
    for operation in (Operation.AUTO_CONTRAST, Operation.EQUALIZE, Operation.CONTRAST):
        out = AugMix().apply(frames[None], [only(step_at(operation, 2))])[0]
        assert (out.mean((1, 2)).diff() > 0.01).all(), operation


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_range_and_type(dtype: torch.dtype) -> None:
    clips = torch.stack([beating(seed) for seed in range(20)]).to(dtype)
    before = clips.clone()
    out = AugMix(magnitude=10, alpha=0.3)(clips, [np.random.default_rng(seed) for seed in range(20)])
    assert out.dtype is dtype
    assert out.shape == clips.shape
    assert out.min() >= 0
    assert out.max() <= 1
    assert torch.equal(clips, before)


def test_half_precision_follows_single() -> None:
    clips = torch.stack([beating(seed) for seed in range(20)])
    rngs = [[np.random.default_rng(seed) for seed in range(20)] for _ in range(2)]
    exact = AugMix()(clips.half().float(), rngs[0])
    assert (AugMix()(clips.half(), rngs[1]).float() - exact).abs().max() < 1e-3


def test_off_is_the_identity() -> None:
    clips = torch.rand(3, *SHAPE)
    rngs = [np.random.default_rng(seed) for seed in range(3)]
    assert torch.equal(AugMix(magnitude=0)(clips, rngs), clips)
    plans = [ClipPlan(1.0, AugMix().draw(rng).branches) for rng in rngs]
    torch.testing.assert_close(AugMix().apply(clips, plans), clips, rtol=0, atol=1e-7)
    grey = [only(step_at(Operation.SATURATION, 2))] * 3
    assert torch.equal(AugMix().apply(clips, grey), clips)


def test_constant_clips_and_tiny_images() -> None:
    rngs = [np.random.default_rng(seed) for seed in range(60)]
    for level in (0.0, 0.5, 1.0):
        assert AugMix()(torch.full((60, 2, 5, 5), level), rngs).isfinite().all()
    assert AugMix()(torch.rand(60, 1, 2, 1), rngs).isfinite().all()


def test_matrices_of_a_run_are_one_interpolation() -> None:
    """There and back again is the clip itself: nothing is cut off or smoothed in between."""
    clip = beating(8)
    there = (Step(Operation.TRANSLATE_X, 0.3), Step(Operation.ROTATE, 20.0))
    back = (Step(Operation.ROTATE, -20.0), Step(Operation.TRANSLATE_X, -0.3))
    out = AugMix().apply(clip[None], [only(*there, *back)])[0]
    torch.testing.assert_close(out, clip, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("field", "value"), [("magnitude", 11), ("magnitude", -1), ("alpha", 0), ("width", 0), ("depth", 0), ("fill", 2)]
)
def test_impossible_settings_name_the_field(field: str, value: float) -> None:
    with pytest.raises(ConfigurationError, match=rf"AugMix: {field} is {value}"):
        AugMix(**{field: value})


def test_plans_must_fit_the_batch() -> None:
    with pytest.raises(ValueError, match="1 plans for 2 clips"):
        AugMix().apply(torch.rand(2, *SHAPE), [ClipPlan(1.0, ())])
    with pytest.raises(ValueError, match="uint8"):
        AugMix().apply(torch.zeros(1, *SHAPE, dtype=torch.uint8), [ClipPlan(1.0, ())])


@pytest.mark.gpu
def test_a_gpu_gives_the_same_clips() -> None:
    clips = torch.stack([beating(seed) for seed in range(40)])
    plans = [AugMix().draw(np.random.default_rng(seed)) for seed in range(40)]
    away = (AugMix().apply(clips.cuda(), plans).cpu() - AugMix().apply(clips, plans)).abs()
    assert (away < 1e-5).float().mean() > 0.999
