"""Multiscale vision transformer v1 (mViT) over cine clips, from the layers of pytorchvideo.

Parameter names are those of pytorchvideo, so that its Kinetics-400 files and the paper authors' checkpoints load
unchanged; `block` and `kernels` say how the same function is computed faster. Source: Fan et al., "Multiscale
Vision Transformers", ICCV 2021.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, cast

import torch
from pytorchvideo.layers.positional_encoding import SpatioTemporalClsPositionalEncoding
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from cmr_clip.clips.spec import ClipSpec
from cmr_clip.encoders.mvit.block import MViTBlock, SdpaMultiScaleAttention
from cmr_clip.encoders.mvit.foreign_names import FILES, origin_and_grid, rename
from cmr_clip.encoders.mvit.kernels.pooling import Grid, PoolingKernel
from cmr_clip.encoders.mvit.positions import resize_positions, token_grid
from cmr_clip.encoders.mvit.sizes import MVIT_B
from cmr_clip.encoders.protocol import ClipShape, Recognised, Renamed, Resized, VideoEncoder
from cmr_clip.errors import CheckpointMismatchError, CmrClipError

__all__ = ["MViT", "MViTBlock", "PatchEmbed", "SdpaMultiScaleAttention"]

_POOL_NORM_EPS = 1e-5  # of pytorchvideo 0.1.5 and the paper's code; torchvision has 1e-6


class PatchEmbed(nn.Module):
    """Overlapping spatio-temporal patches as tokens.

    The frames that a patch covers become channels of one picture, so that the three-dimensional convolution is a
    two-dimensional one, for which the libraries have better kernels. A clip with one channel is embedded as if its
    channel were repeated: the kernel is summed over its input channels, which is the same function at a third of
    the cost.
    """

    def __init__(self, dim: int, kernel: Grid, stride: Grid, in_channels: int = 3) -> None:
        super().__init__()
        padding = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
        self.patch_model = nn.Conv3d(in_channels, dim, kernel, stride=stride, padding=padding)

    def forward(self, clips: Tensor) -> tuple[Tensor, Grid]:
        """`[B, 1 or 3, T, H, W]` to tokens `[B, T'·H'·W', dim]` and their grid."""
        conv = self.patch_model
        weight = conv.weight.sum(dim=1, keepdim=True) if clips.shape[1] == 1 else conv.weight
        span, step, padding = conv.kernel_size[0], conv.stride[0], cast(Grid, conv.padding)
        padded = F.pad(clips.to(weight.dtype), (0, 0, 0, 0, padding[0], padding[0]))
        windows = padded.unfold(2, span, step).permute(0, 2, 1, 5, 3, 4)  # B T' C span H W
        pictures = windows.reshape(-1, weight.shape[1] * span, *clips.shape[3:])
        planar = weight.flatten(1, 2).contiguous(memory_format=torch.channels_last)
        patches = F.conv2d(pictures, planar, conv.bias, conv.stride[1:], padding[1:]).permute(0, 2, 3, 1)
        rows, columns, channels = patches.shape[1:]
        # shape[0], not len(): that would fix the batch size of an exported graph
        return patches.reshape(clips.shape[0], -1, channels), (windows.shape[1], rows, columns)


class MViT(VideoEncoder):
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

    foreign_files = FILES

    def __init__(
        self,
        clip_shape: ClipShape,
        dims: Sequence[int],
        heads: Sequence[int],
        depths: Sequence[int],
        *,
        patch_kernel: Grid = (3, 7, 7),
        patch_stride: Grid = (2, 4, 4),
        pool_norm_eps: float = _POOL_NORM_EPS,
        init_std: float = 0.02,
    ) -> None:
        super().__init__()
        self.clip_shape = cast(ClipShape, tuple(clip_shape))
        self.out_features = dims[-1]
        self.config = {
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
        grid = token_grid(clip_shape, patch_stride)
        self.cls_positional_encoding = SpatioTemporalClsPositionalEncoding(
            embed_dim=dims[0], patch_embed_shape=grid, sep_pos_embed=True, has_cls=True
        )
        self.blocks = nn.ModuleList(_stage_blocks(dims, heads, depths, pool_norm_eps))
        self._checkpoint_stages = 0
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
        patches, grid = self.patch_embed(clips)
        # Tokens `[B, 1 + T·H·W, D]`: the class token in front, positions added
        known = self.cls_positional_encoding
        positions = known.pos_embed_spatial[:, None] + known.pos_embed_temporal[:, :, None]
        cls = (known.cls_token + known.pos_embed_class).expand(patches.shape[0], -1, -1)
        x = torch.cat([cls, patches + positions.flatten(1, 2)], dim=1)
        recomputed = sum(self.config["depths"][: self._checkpoint_stages]) if torch.is_grad_enabled() else 0
        for index, block in enumerate(self.blocks):
            run = partial(block, class_only=index == len(self.blocks) - 1 and self._ends_in_class_token)
            if index < recomputed:
                x, grid = checkpoint(run, x, grid, use_reentrant=False)
            else:
                x, grid = run(x, grid)
        return cast(Tensor, self.norm_embed(x[:, 0].to(self.norm_embed.weight.dtype)))

    @property
    def _ends_in_class_token(self) -> bool:
        """Whether the last block may compute the class token alone, which is all that is asked for.

        Not where it pools queries: those weights would get no gradient at all instead of zeros, which DDP refuses.
        """
        return cast(MViTBlock, self.blocks[-1]).attn.pool_q is None

    @property
    def checkpoint_stages(self) -> int:
        """That many first stages keep no activations for the backward pass: less memory, the same gradients.

        Raises:
            CmrClipError: when set to a number of stages that the encoder does not have.
        """
        return self._checkpoint_stages

    @checkpoint_stages.setter
    def checkpoint_stages(self, stages: int) -> None:
        known = len(self.config["depths"])
        if not 0 <= stages <= known:
            raise CmrClipError(f"checkpoint_stages is {stages}, the encoder has {known} stages", f"use 0 to {known}")
        self._checkpoint_stages = stages

    @classmethod
    def recognise(cls, state: Mapping[str, Tensor]) -> Recognised | None:
        """An mViT-B of another project, its clip shape read from the positional embeddings.

        Whether all its tensors are there is compared when they are loaded.

        Args:
            state: all tensors of the file; the positions are `[1, tokens, D]` or `[tokens, D]`.

        Raises:
            CheckpointMismatchError: it was trained on clips that are not square.
        """
        known = origin_and_grid(state)
        if known is None:
            return None
        origin, grid = known
        frames, rows, columns = (tokens * step for tokens, step in zip(grid, MVIT_B["patch_stride"], strict=True))
        with torch.device("meta"):
            eps = 1e-6 if origin == "torchvision" else _POOL_NORM_EPS
            config = cls((frames, rows, columns), **MVIT_B, pool_norm_eps=eps).config
        authors = origin in ("authors_contrastive", "authors_finetuned")
        make = ClipSpec.compat if authors else ClipSpec
        return Recognised(origin, config, make(n_frames=frames, size=rows))

    @classmethod
    def rename(cls, state: Mapping[str, Tensor]) -> Renamed:
        """Names of pytorchvideo, torchvision or the paper authors; a Kinetics class head and aliases are ignored.

        Args:
            state: all tensors of the file by name, each of any shape.
        """
        return rename(state)

    @classmethod
    def resize(cls, state: Mapping[str, Tensor], config: Mapping[str, Any], clip_shape: ClipShape) -> Resized:
        """Interpolate the positional embeddings, `[1, H·W, D]` and `[1, T, D]`, linearly along each axis.

        Raises:
            CmrClipError: they do not have the shape that `config` says.
        """
        old, new = (token_grid(shape, config["patch_stride"]) for shape in (config["clip_shape"], clip_shape))
        resized, names = resize_positions(state, old, new)
        return Resized(resized, {**config, "clip_shape": list(clip_shape)}, names)

    def require_alike(self, trained: Mapping[str, Any]) -> None:
        """Refuse weights of another epsilon after pooling; positional embeddings already show the clip shape.

        Raises:
            CheckpointMismatchError: the epsilons differ.
        """
        wanted, eps = float(trained.get("pool_norm_eps", _POOL_NORM_EPS)), self.config["pool_norm_eps"]
        if eps != wanted:
            raise CheckpointMismatchError(
                f"it was trained with an epsilon of {wanted:g} after pooling, the encoder has {eps:g}",
                f"set the encoder's pool_norm_eps: {wanted:g}",
            )

    @classmethod
    def summary(cls, config: Mapping[str, Any]) -> str:
        """Blocks, and the epsilon after pooling, which differs between projects and which no tensor shows."""
        eps = config.get("pool_norm_eps", _POOL_NORM_EPS)
        return f"mViT with {sum(config['depths'])} blocks, epsilon after pooling {eps:g}"

    def set_pooling(self, kernel: PoolingKernel) -> None:
        """Choose how the depth-wise pooling is computed; weights and function stay the same."""
        for block in self.blocks:
            cast(MViTBlock, block).attn.pooling = kernel


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
