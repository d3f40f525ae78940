"""The numbers of mViT-B (Fan et al., table 2), which the presets build and the files of other projects hold."""

from __future__ import annotations

from typing import TypedDict

from cmr_clip.encoders.mvit.kernels.pooling import Grid

__all__ = ["MVIT_B", "Size"]


class Size(TypedDict):
    """Arguments of `MViT` that are the same for every clip.

    Attributes:
        dims: channels of each stage.
        heads: attention heads of each stage.
        depths: blocks of each stage.
        patch_stride: (T, H, W) in frames and pixels.
    """

    dims: tuple[int, ...]
    heads: tuple[int, ...]
    depths: tuple[int, ...]
    patch_stride: Grid


MVIT_B: Size = {"dims": (96, 192, 384, 768), "heads": (1, 2, 4, 8), "depths": (1, 2, 11, 2), "patch_stride": (2, 4, 4)}
