"""Multiscale vision transformer v1 (mViT) over cine clips, from the layers of pytorchvideo.

Parameter names are those of pytorchvideo, so that its Kinetics-400 files and the paper authors' checkpoints load
unchanged. Attention runs through `scaled_dot_product_attention`, which is exact for mViT v1 (no relative
positions). Source: Fan et al., "Multiscale Vision Transformers", ICCV 2021.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, cast

import torch
from pytorchvideo.layers.attention import Mlp, MultiScaleAttention
from pytorchvideo.layers.positional_encoding import SpatioTemporalClsPositionalEncoding
from torch import Tensor, nn
from torch.nn import functional as F

from cmr_clip.errors import CmrClipError

__all__ = ["MViT", "MViTBlock", "PatchEmbed", "SdpaMultiScaleAttention"]

Grid = tuple[int, int, int]


def _pool_tokens(tokens: Tensor, grid: Grid, pool: nn.Module | None, norm: nn.Module | None) -> tuple[Tensor, Grid]:
    """Pool all tokens but the class token over their grid.

    Args:
        tokens: `[B, heads, 1 + T·H·W, C]`.
        grid: (T, H, W) of the tokens.
        pool: a convolution or pooling over `[B·heads, C, T, H, W]`.
        norm: normalisation after pooling, over C.
    """
    if pool is None:
        return tokens, grid
    batch, heads, _, channels = tokens.shape
    cls, rest = tokens[:, :, :1], tokens[:, :, 1:]
    video = rest.reshape(batch * heads, *grid, channels).permute(0, 4, 1, 2, 3)
    video = pool(video)
    grid = cast(Grid, tuple(video.shape[2:]))
    pooled = torch.cat([cls, video.flatten(2).transpose(1, 2).reshape(batch, heads, -1, channels)], dim=2)
    return (pooled if norm is None else norm(pooled)), grid


class SdpaMultiScaleAttention(MultiScaleAttention):  # type: ignore[misc]
    """Pooled attention of pytorchvideo with the same parameters and a fused kernel."""

    def forward(self, x: Tensor, grid: Grid) -> tuple[Tensor, Grid]:
        """Attend over tokens `[B, 1 + T·H·W, C]`; returns tokens of the (possibly smaller) query grid."""
        batch, count, channels = x.shape
        shape = (batch, count, self.num_heads, channels // self.num_heads)
        q, k, v = (layer(x).view(shape).transpose(1, 2) for layer in (self.q, self.k, self.v))
        q, q_grid = _pool_tokens(q, grid, self.pool_q, self.norm_q)
        k, _ = _pool_tokens(k, grid, self.pool_k, self.norm_k)
        v, _ = _pool_tokens(v, grid, self.pool_v, self.norm_v)
        out = F.scaled_dot_product_attention(q, k, v, scale=self.scale)
        return self.proj(out.transpose(1, 2).flatten(2)), q_grid


class MViTBlock(nn.Module):
    """Attention with pooled residual, then a perceptron that may widen the channels.

    Args:
        dim: channels in.
        dim_out: channels out.
        heads: attention heads.
        q_stride: (T, H, W) stride of the query pooling; all ones means no query pooling.
        kv_stride: (T, H, W) stride of the key and value pooling.
        norm_eps: epsilon of the block's two LayerNorms.
        pool_norm_eps: epsilon of the LayerNorms after pooling: 1e-5 in pytorchvideo 0.1.5 and the paper's
            code, 1e-6 in torchvision.
    """

    def __init__(
        self,
        dim: int,
        dim_out: int,
        heads: int,
        q_stride: Grid,
        kv_stride: Grid,
        *,
        norm_eps: float = 1e-6,
        pool_norm_eps: float = 1e-5,
    ) -> None:
        super().__init__()
        pools = q_stride != (1, 1, 1)
        self.norm1 = nn.LayerNorm(dim, eps=norm_eps)
        self.attn = SdpaMultiScaleAttention(
            dim,
            num_heads=heads,
            qkv_bias=True,
            kernel_q=(3, 3, 3) if pools else (1, 1, 1),
            kernel_kv=(3, 3, 3),
            stride_q=q_stride,
            stride_kv=kv_stride,
            norm_layer=partial(nn.LayerNorm, eps=pool_norm_eps),
        )
        self.norm2 = nn.LayerNorm(dim, eps=norm_eps)
        self.mlp = Mlp(in_features=dim, hidden_features=4 * dim, out_features=dim_out)
        self.proj = nn.Linear(dim, dim_out) if dim != dim_out else None
        kernel = tuple(s + 1 if s > 1 else 1 for s in q_stride)
        self.pool_skip = nn.MaxPool3d(kernel, q_stride, tuple(k // 2 for k in kernel)) if pools else None

    def forward(self, x: Tensor, grid: Grid) -> tuple[Tensor, Grid]:
        """Tokens `[B, 1 + T·H·W, dim]` to `[B, 1 + T'·H'·W', dim_out]` with the new grid."""
        attended, new_grid = self.attn(self.norm1(x), grid)
        residual, _ = _pool_tokens(x.unsqueeze(1), grid, self.pool_skip, None)
        x = residual.squeeze(1) + attended
        normed = self.norm2(x)
        return (x if self.proj is None else self.proj(normed)) + self.mlp(normed), new_grid


class PatchEmbed(nn.Module):
    """Overlapping spatio-temporal patches as tokens.

    A clip with one channel is embedded as if its channel were repeated: the kernel is summed over its input
    channels, which is the same function at a third of the cost.
    """

    def __init__(self, dim: int, kernel: Grid, stride: Grid, in_channels: int = 3) -> None:
        super().__init__()
        padding = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
        self.patch_model = nn.Conv3d(in_channels, dim, kernel, stride=stride, padding=padding)

    def forward(self, clips: Tensor) -> tuple[Tensor, Grid]:
        """`[B, 1 or 3, T, H, W]` to tokens `[B, T'·H'·W', dim]` and their grid."""
        conv = self.patch_model
        if clips.shape[1] == 1:
            weight = conv.weight.sum(dim=1, keepdim=True)
            video = F.conv3d(clips, weight, conv.bias, conv.stride, cast(tuple[int, ...], conv.padding))
        else:
            video = conv(clips)
        return video.flatten(2).transpose(1, 2), cast(Grid, tuple(video.shape[2:]))


class MViT(nn.Module):
    """The video encoder: a clip in, its class-token feature out.

    Args:
        clip_shape: (T, H, W) of a clip.
        dims: channels of each stage.
        heads: attention heads of each stage.
        depths: blocks of each stage; a stage's last block widens to the next stage's channels, and the first
            block of every stage but the first halves height and width.
        patch_kernel: (T, H, W).
        patch_stride: (T, H, W).
        pool_norm_eps: see `MViTBlock`.
        init_std: of the linear layers' initial weights; 0.02 suits hundreds of channels, narrow networks learn
            nothing for a long time unless it is about 1/sqrt(channels).

    Attributes:
        config: the arguments as plain values; `MViT(**config)` builds the same network.
    """

    def __init__(
        self,
        clip_shape: Grid,
        dims: Sequence[int],
        heads: Sequence[int],
        depths: Sequence[int],
        *,
        patch_kernel: Grid = (3, 7, 7),
        patch_stride: Grid = (2, 4, 4),
        pool_norm_eps: float = 1e-5,
        init_std: float = 0.02,
    ) -> None:
        super().__init__()
        self.clip_shape = cast(Grid, tuple(clip_shape))
        self.out_features = dims[-1]
        self.config: dict[str, Any] = {
            "clip_shape": list(clip_shape),
            "dims": list(dims),
            "heads": list(heads),
            "depths": list(depths),
            "patch_kernel": list(patch_kernel),
            "patch_stride": list(patch_stride),
            "pool_norm_eps": pool_norm_eps,
            "init_std": init_std,
        }
        self.patch_embed = PatchEmbed(dims[0], patch_kernel, patch_stride)
        grid = tuple((size - 1) // step + 1 for size, step in zip(clip_shape, patch_stride, strict=True))
        self.cls_positional_encoding = SpatioTemporalClsPositionalEncoding(
            embed_dim=dims[0], patch_embed_shape=grid, sep_pos_embed=True, has_cls=True
        )
        self.blocks = nn.ModuleList(_stage_blocks(dims, heads, depths, pool_norm_eps))
        self.norm_embed = nn.LayerNorm(dims[-1], eps=1e-6)
        self.apply(partial(_init_weights, std=init_std))
        for parameter in self.cls_positional_encoding.parameters():
            nn.init.trunc_normal_(parameter, std=0.02)

    def forward(self, clips: Tensor) -> Tensor:
        """Class-token features.

        Args:
            clips: `[B, 1 or 3, T, H, W]`, normalised.

        Returns:
            `[B, D]`.

        Raises:
            CmrClipError: the clips have another size than the encoder was built for.
        """
        if tuple(clips.shape[2:]) != self.clip_shape:
            raise CmrClipError(
                f"clips of {tuple(clips.shape[2:])} for an encoder of {self.clip_shape} (frames, rows, columns)",
                "give the data module the encoder's clip_shape",
            )
        x, grid = self.patch_embed(clips)
        x = self.cls_positional_encoding(x)
        for block in self.blocks:
            x, grid = block(x, grid)
        return cast(Tensor, self.norm_embed(x[:, 0]))


def _stage_blocks(
    dims: Sequence[int], heads: Sequence[int], depths: Sequence[int], pool_norm_eps: float
) -> list[MViTBlock]:
    blocks = []
    for stage, depth in enumerate(depths):
        scale = 2 ** (len(depths) - 1 - stage)
        for index in range(depth):
            widens = index == depth - 1 and stage + 1 < len(dims)
            shrinks = index == 0 and stage > 0
            block = MViTBlock(
                dims[stage],
                dims[stage + 1] if widens else dims[stage],
                heads[stage],
                (1, 2, 2) if shrinks else (1, 1, 1),
                (1, scale, scale),
                pool_norm_eps=pool_norm_eps,
            )
            blocks.append(block)
    return blocks


def _init_weights(module: nn.Module, std: float) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=std)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
