"""One block of mViT v1: pooled attention and a perceptron, with pytorchvideo's parameters and names.

What differs from pytorchvideo is how the same function is computed: tokens are pooled in their own layout, keys and
values share one projection and one convolution and are computed only for tokens that the pooling reads, and the
attention is fused. Source: Fan et al., "Multiscale Vision Transformers", ICCV 2021.
"""

from __future__ import annotations

from functools import partial
from typing import Any, cast

import torch
from pytorchvideo.layers.attention import Mlp, MultiScaleAttention
from torch import Tensor, nn
from torch.nn import functional as F

from cmr_clip.encoders.mvit.kernels.attention import attend, matmul_dtype
from cmr_clip.encoders.mvit.kernels.pooling import (
    Grid,
    PoolingKernel,
    depthwise_pool,
    max_pool,
    touched_grid,
    touched_tokens,
)

__all__ = ["MViTBlock", "SdpaMultiScaleAttention"]


class SdpaMultiScaleAttention(MultiScaleAttention):  # type: ignore[misc]
    """Pooled attention of pytorchvideo with the same parameters, computed without permuting tokens.

    Attributes:
        pooling: implementation of the depth-wise pooling.
        key_value: one layer for keys and values together, where a copy for inference prepared it.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.pooling: PoolingKernel = "auto"
        self.key_value: nn.Module | None = None

    def forward(self, x: Tensor, grid: Grid, *, class_only: bool = False) -> tuple[Tensor, Grid]:
        """Attend over tokens.

        Args:
            x: `[B, 1 + T·H·W, D]`.
            grid: (T, H, W).
            class_only: compute the class token's output alone, `[B, 1, D]`.

        Returns:
            Tokens of the (possibly smaller) query grid, and that grid.
        """
        x = x.to(matmul_dtype(x))
        # Queries `[B, 1 + T'·H'·W', heads, C]`, pooled and normalised where the block pools them
        q, q_grid = self.q(x[:, :1] if class_only else x), grid
        if self.pool_q is not None and not class_only:
            q, q_grid = self._pool(q, grid, self.pool_q.weight.repeat(self.num_heads, 1, 1, 1, 1), self.pool_q)
        q = q.view(*q.shape[:2], self.num_heads, -1)
        if self.pool_q is not None:
            q = self._normalise(q, self.norm_q)
        # Keys and values `[B, M, heads, C]`, together, from the tokens alone that their pooling reads
        read = touched_grid(grid, self.pool_k.stride)
        if read != grid:
            x = x.index_select(1, touched_tokens(grid, self.pool_k.stride, x.device))
        repeats = (self.num_heads, 1, 1, 1, 1)
        weight = torch.cat([self.pool_k.weight.repeat(repeats), self.pool_v.weight.repeat(repeats)])
        if self.key_value is not None:
            projected = cast(Tensor, self.key_value(x))
        else:
            bias = torch.cat([self.k.bias, self.v.bias])
            projected = F.linear(x, torch.cat([self.k.weight, self.v.weight]), bias)
        pooled, _ = self._pool(projected, read, weight, self.pool_k, compacted=read != grid)
        k, v = pooled.view(*pooled.shape[:2], 2, self.num_heads, -1).unbind(2)
        k, v = self._normalise(k, self.norm_k), self._normalise(v, self.norm_v)
        return self.proj(attend(q, k, v, self.scale).flatten(2)), q_grid

    def _pool(
        self, tokens: Tensor, grid: Grid, weight: Tensor, pool: nn.Conv3d, *, compacted: bool = False
    ) -> tuple[Tensor, Grid]:
        """Pool tokens `[B, 1 + T·H·W, D]` with `weight` `[D, 1, 3, 3, 3]`; the class token stays as it is.

        Args:
            tokens: of the grid, or those of it alone that the pooling reads.
            grid: (T, H, W) of the tokens.
            weight: of the depth-wise convolution.
            pool: gives the stride.
            compacted: the tokens are those that the pooling reads; see `touched_tokens`.

        Returns:
            `[B, 1 + T'·H'·W', D]` and (T', H', W').
        """
        stride = cast(Grid, pool.stride)
        if compacted:
            stride = cast(Grid, tuple(min(step, 3) for step in stride))
        video = tokens[:, 1:].view(tokens.shape[0], *grid, -1)
        pooled = depthwise_pool(video, weight.to(tokens.dtype), stride, self.pooling)
        return torch.cat([tokens[:, :1], pooled.flatten(1, 3)], dim=1), cast(Grid, tuple(pooled.shape[1:4]))

    @staticmethod
    def _normalise(tokens: Tensor, norm: nn.Module) -> Tensor:
        """LayerNorm over C of `[B, L, heads, C]`."""
        return cast(Tensor, norm(tokens)).to(matmul_dtype(tokens))


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
        self.proj: nn.Module | None = nn.Linear(dim, dim_out) if dim != dim_out else None
        self._skip = (tuple(s + 1 if s > 1 else 1 for s in q_stride), q_stride) if pools else None

    def forward(self, x: Tensor, grid: Grid, *, class_only: bool = False) -> tuple[Tensor, Grid]:
        """Run the block.

        Args:
            x: tokens `[B, 1 + T·H·W, dim]`.
            grid: (T, H, W).
            class_only: compute the class token alone, `[B, 1, dim_out]`; all that a last block is asked for.

        Returns:
            Tokens `[B, 1 + T'·H'·W', dim_out]` and the new grid.
        """
        attended, new_grid = self.attn(self.norm1(x), grid, class_only=class_only)
        if class_only:
            x = x[:, :1]
        elif self._skip is not None:
            kernel, stride = self._skip
            x = max_pool(x, grid, cast(Grid, kernel), stride)
        x = x + attended
        normed = self.norm2(x)
        normed = normed.to(matmul_dtype(normed))
        return (x if self.proj is None else self.proj(normed)) + self.mlp(normed), new_grid
