"""Encoders with their numbers; each function is a legal `class_path` in a configuration."""

from __future__ import annotations

from cmr_clip.encoders.mvit.mvit import MViT
from cmr_clip.encoders.mvit.sizes import MVIT_B

__all__ = ["mvit_b_16x4", "mvit_b_32x3", "mvit_tiny"]


def mvit_b_16x4(pool_norm_eps: float = 1e-5, checkpoint_stages: int = 0) -> MViT:
    """The paper's encoder: mViT-B, 16 frames of 224 × 224, 768 features, 36.3 M parameters.

    Args:
        pool_norm_eps: 1e-5 for weights of pytorchvideo 0.1.5 and of the paper, 1e-6 for torchvision's.
        checkpoint_stages: compute the activations of that many first stages again in the backward pass instead of
            keeping them; changes memory and time alone.
    """
    return _mvit_b(16, pool_norm_eps, checkpoint_stages)


def mvit_b_32x3(pool_norm_eps: float = 1e-5, checkpoint_stages: int = 0) -> MViT:
    """mViT-B for 32 frames; see `mvit_b_16x4`."""
    return _mvit_b(32, pool_norm_eps, checkpoint_stages)


def _mvit_b(frames: int, pool_norm_eps: float, checkpoint_stages: int) -> MViT:
    encoder = MViT((frames, 224, 224), **MVIT_B, pool_norm_eps=pool_norm_eps)
    encoder.checkpoint_stages = checkpoint_stages
    return encoder


def mvit_tiny(frames: int = 8, size: int = 64) -> MViT:
    """A four-block mViT with coarse patches, for tests and for the demo on two cores.

    Args:
        frames: frames of a clip.
        size: rows and columns of a clip.
    """
    return MViT(
        (frames, size, size),
        dims=(64, 128, 256),
        heads=(1, 2, 4),
        depths=(1, 1, 2),
        patch_kernel=(3, 15, 15),
        patch_stride=(2, 8, 8),
        init_std=0.1,
    )
