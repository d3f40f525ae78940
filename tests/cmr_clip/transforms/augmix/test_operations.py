"""Single operations against Pillow, where the definitions coincide, and draws against the paper's library."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps
from scipy.stats import chisquare, ks_2samp, kstest

from cmr_clip.transforms.augmix.affine import resample, sampling_matrix, step_matrix
from cmr_clip.transforms.augmix.augmix import AugMix
from cmr_clip.transforms.augmix.chains import Kind, stages_of
from cmr_clip.transforms.augmix.grey_levels import count_by_frame, count_levels, to_levels
from cmr_clip.transforms.augmix.plans import GEOMETRIC, POINTWISE, Branch, ClipPlan, Operation, Step, step_at
from tests.support.paths import ROOT


def picture(seed: int, rows: int = 40, columns: int = 33) -> Image.Image:
    rng = np.random.default_rng(seed)
    smooth = np.add.outer(np.linspace(20, 160, rows), np.linspace(0, 40, columns))
    return Image.fromarray((smooth + rng.integers(0, 30, (rows, columns))).astype(np.uint8))


def ours(image: Image.Image, *steps: Step) -> np.ndarray:
    """Levels (not rounded) of one frame after some operations."""
    frame = torch.from_numpy(np.asarray(image).copy()).float() / 255
    out = AugMix().apply(frame[None, None], [ClipPlan(0.0, (Branch(1.0, steps),))])
    return out[0, 0].double().numpy() * 255


@pytest.mark.parametrize("seed", range(5))
def test_equalize_is_pillows(seed: int) -> None:
    image = picture(seed, 20 + 30 * seed, 50)
    np.testing.assert_allclose(ours(image, Step(Operation.EQUALIZE)), np.asarray(ImageOps.equalize(image)), atol=1e-4)


@pytest.mark.parametrize("pixels", [[7] * 90, [0, 255] * 50, [3] * 200 + [9] * 300, list(range(256)) * 2])
def test_equalize_of_odd_histograms_is_pillows(pixels: list[int]) -> None:
    image = Image.fromarray(np.array([pixels], np.uint8))
    np.testing.assert_allclose(ours(image, Step(Operation.EQUALIZE)), np.asarray(ImageOps.equalize(image)), atol=1e-4)


@pytest.mark.parametrize("bits", [1, 3, 4, 7])
def test_posterize_is_pillows(bits: int) -> None:
    image = picture(1)
    wanted = np.asarray(ImageOps.posterize(image, bits))
    np.testing.assert_allclose(ours(image, Step(Operation.POSTERIZE, bits)), wanted, atol=1e-4)


@pytest.mark.parametrize("threshold", [1, 90, 150, 255])
def test_solarize_is_pillows(threshold: int) -> None:
    image = picture(2)
    wanted = np.asarray(ImageOps.solarize(image, threshold))
    got = ours(image, Step(Operation.SOLARIZE, (threshold - 0.5) / 255))
    np.testing.assert_allclose(got, wanted, atol=1e-4)


def test_auto_contrast_is_pillows_before_rounding() -> None:
    image = picture(3)
    wanted = np.asarray(ImageOps.autocontrast(image)).astype(float)
    assert np.abs(ours(image, Step(Operation.AUTO_CONTRAST)) - wanted).max() < 1
    assert wanted.min() == 0
    assert wanted.max() == 255


@pytest.mark.parametrize("factor", [0.12, 0.64, 1.9])
@pytest.mark.parametrize(
    ("operation", "pillow"),
    [
        (Operation.BRIGHTNESS, ImageEnhance.Brightness),
        (Operation.CONTRAST, ImageEnhance.Contrast),
        (Operation.SHARPNESS, ImageEnhance.Sharpness),
        (Operation.SATURATION, ImageEnhance.Color),
    ],
)
def test_blends_are_pillows_before_rounding(operation: Operation, pillow: type, factor: float) -> None:
    image = picture(4)
    wanted = np.asarray(pillow(image).enhance(factor)).astype(float)
    assert np.abs(ours(image, Step(operation, factor)) - wanted).max() < 1 + 0.5 * abs(1 - factor)


def test_sharpness_keeps_the_border() -> None:
    image = picture(5)
    got, before = ours(image, Step(Operation.SHARPNESS, 0.1)), np.asarray(image).astype(float)
    edge = np.ones(before.shape, bool)
    edge[1:-1, 1:-1] = False
    np.testing.assert_allclose(got[edge], before[edge], atol=1e-4)
    assert np.abs(got - before)[~edge].mean() > 2


@pytest.mark.parametrize(
    ("step", "rows_and_columns"),
    [
        (Step(Operation.SHEAR_X, 0.3), lambda h, w: (1, 0.3, 0, 0, 1, 0)),
        (Step(Operation.SHEAR_Y, -0.2), lambda h, w: (1, 0, 0, -0.2, 1, 0)),
        (Step(Operation.TRANSLATE_X, 0.21), lambda h, w: (1, 0, 0.21 * w, 0, 1, 0)),
        (Step(Operation.TRANSLATE_Y, -0.13), lambda h, w: (1, 0, 0, 0, 1, -0.13 * h)),
    ],
)
def test_shears_and_translations_are_pillows(step: Step, rows_and_columns) -> None:
    image = picture(6)
    data = rows_and_columns(image.height, image.width)
    wanted = np.asarray(image.transform(image.size, Image.Transform.AFFINE, data, Image.Resampling.BILINEAR))
    inside = np.asarray(
        Image.new("L", image.size, 255).transform(image.size, Image.Transform.AFFINE, data, Image.Resampling.BILINEAR)
    )
    away = np.abs(ours(image, step) - wanted)[_inner(inside)]
    assert away.size > 300
    assert away.max() < 1.01


@pytest.mark.parametrize("angle", [9.0, -23.0])
def test_positive_angles_turn_counter_clockwise_as_pillows(angle: float) -> None:
    image = picture(7)
    wanted = np.asarray(image.rotate(angle, Image.Resampling.BILINEAR))
    inside = np.asarray(Image.new("L", image.size, 255).rotate(angle))
    away = np.abs(ours(image, Step(Operation.ROTATE, angle)) - wanted)[_inner(inside)]
    assert away.size > 300
    assert away.max() < 1.5


def _inner(inside: np.ndarray) -> np.ndarray:
    """Pixels whose neighbours are inside as well: Pillow does not interpolate towards the outside."""
    padded = np.pad(inside > 0, 2)
    shifts = [padded[r : r + inside.shape[0], c : c + inside.shape[1]] for r in range(5) for c in range(5)]
    return np.all(shifts, axis=0)


def test_fill_is_outside_and_blends_at_the_edge() -> None:
    video = torch.full((1, 1, 4, 8), 0.8)
    out = resample(video, [sampling_matrix([Step(Operation.TRANSLATE_X, 2.5 / 8)], 4, 8)], fill=0.2)
    torch.testing.assert_close(out[0, 0, 0], torch.tensor([0.8] * 5 + [0.5, 0.2, 0.2]))


def test_only_geometric_operations_have_a_matrix() -> None:
    with pytest.raises(ValueError, match="equalize"):
        step_matrix(Step(Operation.EQUALIZE), 4, 4)


@pytest.mark.parametrize("operation", Operation)
def test_another_device_needs_nothing_from_the_host(operation: Operation) -> None:
    """The meta device refuses to mix with tensors of the host, as a GPU would, and computes nothing."""
    video = torch.empty(6, 2, 9, 9, device="meta")
    plans = [
        ClipPlan(0.3, (Branch(0.5, (step, step)), Branch(0.5, (Step(Operation.ROTATE, 4), step))))
        for step in [step_at(operation, 2.0)] * 6
    ]
    out = AugMix(fill=0.2).apply(video, plans)
    assert out.device.type == "meta"
    with pytest.raises(RuntimeError, match="device"):
        video + torch.ones(9)


def test_neighbours_merge_to_one_pass() -> None:
    order = [
        Operation.SHEAR_X,
        Operation.SATURATION,
        Operation.ROTATE,
        Operation.EQUALIZE,
        Operation.POSTERIZE,
        Operation.SHARPNESS,
        Operation.SHARPNESS,
    ]
    kinds = [stage.kind for stage in stages_of(Step(operation, 1.0) for operation in order)]
    assert kinds == [Kind.RESAMPLE, Kind.TABLE, Kind.SHARPEN, Kind.SHARPEN]
    assert not stages_of([Step(Operation.SATURATION, 0.3)])
    assert {Operation.SATURATION, Operation.SHARPNESS} == set(Operation) - GEOMETRIC - POINTWISE


def test_levels_and_histograms() -> None:
    exact = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(to_levels(exact.float() / 255), exact)
    levels = torch.randint(0, 256, (3, 4, 5, 6), dtype=torch.uint8)
    slow = torch.stack([torch.bincount(clip.flatten().long(), minlength=256) for clip in levels])
    assert torch.equal(count_levels(levels), slow)
    assert torch.equal(count_by_frame(levels), slow)


DRAWS = 3000


@pytest.fixture(scope="module")
def library() -> dict[str, list[list[float]]]:
    """What the installed pytorchvideo's AugMix asks of torchvision, per operation: arguments of every call."""
    script = [sys.executable, str(ROOT / "tests" / "support" / "record_library.py"), str(DRAWS)]
    ran = subprocess.run(script, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    recorded: dict[str, list[list[float]]] = json.loads(ran.stdout)
    return recorded


@pytest.fixture(scope="module")
def drawn() -> list[ClipPlan]:
    augmix = AugMix()
    return [augmix.draw(np.random.default_rng([seed, 11])) for seed in range(DRAWS)]


def values_of(plans: list[ClipPlan], operation: Operation) -> list[float]:
    steps = (step for plan in plans for branch in plan.branches for step in branch.steps)
    return [step.value for step in steps if step.operation is operation]


NAMES = {
    "rotate": Operation.ROTATE,
    "posterize": Operation.POSTERIZE,
    "solarize": Operation.SOLARIZE,
    "adjust_contrast": Operation.CONTRAST,
    "adjust_brightness": Operation.BRIGHTNESS,
    "adjust_saturation": Operation.SATURATION,
    "adjust_sharpness": Operation.SHARPNESS,
}


@pytest.mark.parametrize("name", NAMES)
def test_arguments_are_drawn_as_in_the_library(name: str, library, drawn: list[ClipPlan]) -> None:
    theirs = [arguments[0] for arguments in library[name]]
    mine = values_of(drawn, NAMES[name])
    if name == "posterize":
        assert set(mine) == set(theirs) == {3, 4}
        assert abs(np.mean(mine) - np.mean(theirs)) < 0.05
    else:
        assert ks_2samp(mine, theirs).pvalue > 1e-5
        assert max(np.abs(np.subtract([min(mine), max(mine)], [min(theirs), max(theirs)]))) < 0.03 * np.ptp(theirs)


def test_matrices_are_drawn_as_in_the_library(library, drawn: list[ClipPlan]) -> None:
    """Shears and translations: all six numbers that the library hands to its affine resampling."""
    theirs = np.array(library["affine"])
    height, width = 40, 60
    moves = GEOMETRIC - {Operation.ROTATE}
    steps = (step for plan in drawn for branch in plan.branches for step in branch.steps)
    mine = np.array([step_matrix(step, height, width)[:2].ravel() for step in steps if step.operation in moves])
    for moved, still in ((1, None), (3, None), (2, 1), (5, 3)):  # shears; translations have an offset without a shear
        got, wanted = (m[(m[:, moved] != 0) & (still is None or m[:, still or 0] == 0)] for m in (mine, theirs))
        assert ks_2samp(got[:, moved], wanted[:, moved]).pvalue > 1e-5
        assert np.ptp(got[:, moved]) == pytest.approx(np.ptp(wanted[:, moved]), rel=0.02)
    sheared = theirs[theirs[:, 1] != 0]
    np.testing.assert_allclose(sheared[:, 2], sheared[:, 1] * height / 2, rtol=1e-6)


def test_operations_are_drawn_as_often_as_in_the_library(library, drawn: list[ClipPlan]) -> None:
    counts = Counter(step.operation for plan in drawn for branch in plan.branches for step in branch.steps)
    assert len(counts) == 13
    assert chisquare(list(counts.values())).pvalue > 1e-5
    depths = Counter(len(branch.steps) for plan in drawn for branch in plan.branches)
    assert sorted(depths) == [1, 2, 3]
    assert chisquare(list(depths.values())).pvalue > 1e-5
    assert len(library["affine"]) == pytest.approx(4 / 13 * 2 * 3 * DRAWS, rel=0.05)


def test_weights_follow_their_distributions(drawn: list[ClipPlan]) -> None:
    assert kstest([plan.keep for plan in drawn], "uniform").pvalue > 1e-5  # Beta(1, 1)
    weights = np.array([[branch.weight for branch in plan.branches] for plan in drawn])
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-12)
    assert kstest(weights[:, 1], "beta", args=(1, 2)).pvalue > 1e-5  # a component of Dirichlet(1, 1, 1)
    sharp = [AugMix(alpha=20).draw(np.random.default_rng(seed)).keep for seed in range(400)]
    assert kstest(sharp, "beta", args=(20, 20)).pvalue > 1e-5
