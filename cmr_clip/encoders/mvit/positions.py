"""Positional embeddings for another clip shape: linear interpolation along each axis of the token grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from cmr_clip.encoders.mvit.kernels.pooling import Grid
from cmr_clip.errors import CmrClipError

__all__ = ["resize_positions", "token_grid"]

_SPATIAL = "cls_positional_encoding.pos_embed_spatial"
_TEMPORAL = "cls_positional_encoding.pos_embed_temporal"


def token_grid(clip_shape: Sequence[int], patch_stride: Sequence[int]) -> Grid:
    """(T, H, W) of the tokens of a clip of (T, H, W)."""
    frames, rows, columns = ((size - 1) // step + 1 for size, step in zip(clip_shape, patch_stride, strict=True))
    return frames, rows, columns


def resize_positions(state: Mapping[str, Tensor], old: Grid, new: Grid) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Interpolate the separable positional embeddings of an encoder's state dict.

    A token stands for an equal share of the image (of the heart beat), whatever the number of tokens; its embedding is
    interpolated linearly between the two nearest old shares and extrapolated linearly beyond the outermost centres,
    so that constants and linear ramps stay what they are.

    Args:
        state: holds `…pos_embed_spatial` `[1, H·W, D]` and `…pos_embed_temporal` `[1, T, D]`.
        old: (T, H, W) of the token grid they belong to.
        new: (T, H, W) wanted.

    Returns:
        A new state dict, and the names that changed.

    Raises:
        CmrClipError: an embedding does not have the length that `old` says.
    """
    out, changed = dict(state), []
    for name, value in state.items():
        if name.endswith(_SPATIAL) and old[1:] != new[1:]:
            _check(name, value, old[1] * old[2])
            plane = value.reshape(old[1], old[2], -1)
            resized = torch.einsum("ih,jw,hwd->ijd", _matrix(old[1], new[1]), _matrix(old[2], new[2]), plane.double())
        elif name.endswith(_TEMPORAL) and old[0] != new[0]:
            _check(name, value, old[0])
            resized = _matrix(old[0], new[0]) @ value[0].double()
        else:
            continue
        out[name] = resized.reshape(1, -1, value.shape[-1]).to(value.dtype)
        changed.append(name)
    return out, tuple(changed)


def _check(name: str, value: Tensor, length: int) -> None:
    """Refuse an embedding that is not `[1, length, D]`."""
    if value.ndim != 3 or value.shape[1] != length:
        raise CmrClipError(f"{name} has shape {tuple(value.shape)}, not [1, {length}, D]", "give its true clip_shape")


def _matrix(old: int, new: int) -> Tensor:
    """`[new, old]`, float64: rows of at most two weights that sum to 1."""
    weights = torch.zeros(new, old, dtype=torch.float64)
    if old == 1:
        return weights + 1
    centre = (torch.arange(new, dtype=torch.float64) + 0.5) * (old / new) - 0.5
    lower = centre.floor().clamp(0, old - 2).long()
    share = centre - lower
    rows = torch.arange(new)
    weights[rows, lower] = 1 - share
    weights[rows, lower + 1] = share
    return weights
