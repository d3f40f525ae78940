"""Positional embeddings for other clip shapes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional as F

from cmr_clip.encoders.mvit.mvit import MViT
from cmr_clip.encoders.mvit.positions import resize_positions, token_grid
from cmr_clip.encoders.mvit.presets import mvit_tiny
from cmr_clip.errors import CmrClipError

SPATIAL = "video_encoder.cls_positional_encoding.pos_embed_spatial"
TEMPORAL = "video_encoder.cls_positional_encoding.pos_embed_temporal"


def state(spatial: torch.Tensor, temporal: torch.Tensor) -> dict[str, torch.Tensor]:
    return {SPATIAL: spatial, TEMPORAL: temporal, "video_encoder.norm_embed.weight": torch.ones(3)}


def slow(row: torch.Tensor, new: int) -> torch.Tensor:
    """One axis, point by point: `[old, D]` at the centres of `new` equal shares."""
    old, out = len(row), []
    for index in range(new):
        centre = (index + 0.5) * old / new - 0.5
        below = min(max(int(centre // 1), 0), max(old - 2, 0))
        slope = row[below + 1] - row[below] if old > 1 else torch.zeros_like(row[0])
        out.append(row[below] + (centre - below) * slope)
    return torch.stack(out)


@pytest.mark.parametrize("new", [(3, 5, 4), (8, 12, 9), (5, 3, 7), (1, 1, 1)])
def test_each_axis_equals_the_slow_oracle(new: tuple[int, int, int]) -> None:
    old = (4, 5, 6)
    plane, line = torch.randn(1, 30, 3), torch.randn(1, 4, 3)
    resized, names = resize_positions(state(plane, line), old, new)
    rows = torch.stack([slow(column, new[1]) for column in plane.view(5, 6, 3).unbind(1)], dim=1)
    wanted = torch.stack([slow(row, new[2]) for row in rows])
    torch.testing.assert_close(resized[SPATIAL], wanted.reshape(1, -1, 3))
    torch.testing.assert_close(resized[TEMPORAL], slow(line[0], new[0])[None])
    assert names == (SPATIAL, TEMPORAL)
    assert torch.equal(resized["video_encoder.norm_embed.weight"], torch.ones(3))


def test_an_equal_shape_changes_nothing_and_inputs_stay_as_they_are() -> None:
    before = state(torch.randn(1, 30, 3), torch.randn(1, 4, 3))
    same, names = resize_positions(before, (4, 5, 6), (4, 5, 6))
    assert names == ()
    assert all(same[name] is value for name, value in before.items())
    copy = {name: value.clone() for name, value in before.items()}
    resize_positions(before, (4, 5, 6), (8, 9, 9))
    assert all(torch.equal(before[name], value) for name, value in copy.items())


@pytest.mark.parametrize("new", [(3, 5, 9), (16, 11, 3)])
def test_constants_and_ramps_over_the_image_stay_what_they_are(new: tuple[int, int, int]) -> None:
    def ramp(count: int) -> torch.Tensor:
        return (torch.arange(count, dtype=torch.float32) + 0.5) / count

    def of(grid: tuple[int, int, int]) -> tuple[torch.Tensor, torch.Tensor]:
        rows, columns = torch.meshgrid(ramp(grid[1]), ramp(grid[2]), indexing="ij")
        spatial = torch.stack([torch.full_like(rows, 7.0), rows, 2 * columns - rows], dim=-1)
        return spatial.reshape(1, -1, 3), torch.stack([torch.full((grid[0],), 7.0), ramp(grid[0])], dim=-1)[None]

    resized, _ = resize_positions(state(*of((8, 7, 6))), (8, 7, 6), new)
    for name, wanted in zip((SPATIAL, TEMPORAL), of(new), strict=True):
        torch.testing.assert_close(resized[name], wanted)


def test_an_embedding_of_another_length_is_refused_by_name() -> None:
    with pytest.raises(CmrClipError, match=r"pos_embed_temporal has shape \(1, 4, 3\), not \[1, 5, D\]"):
        resize_positions(state(torch.randn(1, 30, 3), torch.randn(1, 4, 3)), (5, 5, 6), (8, 5, 6))


def test_the_grid_is_the_encoders_own() -> None:
    for model in (mvit_tiny(8, 64), mvit_tiny(5, 33)):
        _, grid = model.patch_embed(torch.zeros(1, 1, *model.clip_shape))
        assert token_grid(model.clip_shape, model.config["patch_stride"]) == tuple(grid)


def of_shape(config: dict[str, Any], size: int, tensors: dict[str, torch.Tensor]) -> MViT:
    model = MViT(**{**config, "clip_shape": [4, size, size]}).eval()
    model.load_state_dict({name.removeprefix("video_encoder."): value for name, value in tensors.items()})
    return model


def test_features_of_a_resized_clip_resemble_the_original_because_of_the_embeddings() -> None:
    torch.manual_seed(2)
    small = mvit_tiny(4, 64).eval()
    rows, columns = torch.meshgrid(torch.linspace(-1, 1, 8), torch.linspace(-1, 1, 8), indexing="ij")
    smooth = torch.stack([rows, columns, rows * columns], dim=-1).reshape(64, 3) @ torch.randn(3, 64)
    with torch.no_grad():  # as trained ones, they vary slowly over the image
        small.cls_positional_encoding.pos_embed_spatial.copy_(0.3 * smooth[None])
    before = {f"video_encoder.{name}": value for name, value in small.state_dict().items()}
    after, _ = resize_positions(before, (2, 8, 8), (2, 12, 12))
    turned = {**after, SPATIAL: after[SPATIAL].flip(1)}
    blobs = torch.randn(6, 4, 3, 3)
    clips, larger = (F.interpolate(blobs, size=size, mode="bicubic").unsqueeze(1) for size in (64, 96))
    with torch.no_grad():
        wanted = small(clips)
        near, far = (of_shape(small.config, 96, tensors)(larger) for tensors in (after, turned))
    closeness, baseline = (F.cosine_similarity(wanted, features) for features in (near, far))
    assert closeness.min() > 0.6
    assert (closeness > baseline + 0.1).all()
