"""The encoder as pytorchvideo's own layers compute it: explicit softmax attention, permuted pooling, fp32.

It is the stated baseline of the benchmarks and the oracle of the encoder's tests: the layers are used as they are.
"""

from __future__ import annotations

from functools import partial
from typing import Any, cast

from pytorchvideo.layers.attention import MultiScaleBlock
from pytorchvideo.layers.positional_encoding import SpatioTemporalClsPositionalEncoding
from torch import Tensor, nn

from cmr_clip.encoders.mvit.block import MViTBlock
from cmr_clip.encoders.mvit.mvit import MViT

__all__ = ["BaselineEncoder"]


class _PatchEmbed(nn.Module):
    def __init__(self, conv: nn.Conv3d) -> None:
        super().__init__()
        how: Any = {"kernel_size": conv.kernel_size, "stride": conv.stride, "padding": conv.padding}
        self.patch_model = nn.Conv3d(conv.in_channels, conv.out_channels, **how)

    def forward(self, clips: Tensor) -> tuple[Tensor, list[int]]:
        video = self.patch_model(clips)
        return video.flatten(2).transpose(1, 2), list(video.shape[2:])


class BaselineEncoder(nn.Module):
    """pytorchvideo's layers with the weights of an encoder.

    Args:
        encoder: gives sizes and weights; must have pytorchvideo's LayerNorm epsilon (1e-5 after pooling).
    """

    def __init__(self, encoder: MViT) -> None:
        super().__init__()
        positions = encoder.cls_positional_encoding
        self.patch_embed = _PatchEmbed(encoder.patch_embed.patch_model)
        self.cls_positional_encoding = SpatioTemporalClsPositionalEncoding(
            encoder.config["dims"][0], positions.patch_embed_shape, sep_pos_embed=True, has_cls=True
        )
        self.blocks = nn.ModuleList([_block(cast(MViTBlock, block)) for block in encoder.blocks])
        self.norm_embed = nn.LayerNorm(encoder.out_features, eps=encoder.norm_embed.eps)
        self.load_state_dict(encoder.state_dict())

    def forward(self, clips: Tensor) -> Tensor:
        """Clips `[B, 3, T, H, W]` to class-token features `[B, D]`."""
        x, grid = self.patch_embed(clips)
        x = self.cls_positional_encoding(x)
        for block in self.blocks:
            x, grid = block(x, grid)
        return cast(Tensor, self.norm_embed(x)[:, 0])


def _block(block: MViTBlock) -> MultiScaleBlock:
    attention = block.attn
    pools_q = attention.pool_q is not None
    return MultiScaleBlock(
        attention.q.in_features,
        block.mlp.fc2.out_features,
        attention.num_heads,
        qkv_bias=True,
        norm_layer=partial(nn.LayerNorm, eps=block.norm1.eps),
        kernel_q=attention.pool_q.kernel_size if pools_q else (1, 1, 1),
        kernel_kv=attention.pool_k.kernel_size,
        stride_q=attention.pool_q.stride if pools_q else (1, 1, 1),
        stride_kv=attention.pool_k.stride,
    )
