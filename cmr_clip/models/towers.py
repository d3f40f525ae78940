"""Two towers and their one-layer projections into a shared space."""

from __future__ import annotations

from typing import NamedTuple, cast

from torch import Tensor, nn
from torch.nn import functional as F

from cmr_clip.encoders.bert import BertTextEncoder
from cmr_clip.encoders.protocol import VideoEncoder

__all__ = ["ContrastiveModel", "Embeddings", "VideoTower"]


class Embeddings(NamedTuple):
    """L2-normalised embeddings of matched pairs, `[B, E]` each."""

    video: Tensor
    text: Tensor


class VideoTower(nn.Module):
    """The video encoder and its projection; what fine-tuning and embedding use.

    Its parameter names are those of the paper authors' checkpoints: `video_encoder.*`, `video_proj.*`.

    Args:
        video_encoder: clips `[B, 1 or 3, T, H, W]` to features `[B, D]`.
        embed_dim: E, size of the shared space.
    """

    def __init__(self, video_encoder: VideoEncoder, embed_dim: int = 512) -> None:
        super().__init__()
        self.video_encoder = video_encoder
        self.video_proj = nn.Linear(video_encoder.out_features, embed_dim)

    def features(self, clips: Tensor) -> Tensor:
        """Clips `[B, 1 or 3, T, H, W]` to the encoder's features `[B, D]`."""
        return cast(Tensor, self.video_encoder(clips))

    def project(self, features: Tensor) -> Tensor:
        """Features `[B, D]` to L2-normalised embeddings `[B, E]`."""
        return F.normalize(self.video_proj(features), dim=-1)

    def forward(self, clips: Tensor) -> Tensor:
        """Clips `[B, 1 or 3, T, H, W]` to L2-normalised embeddings `[B, E]`."""
        return self.project(self.features(clips))


class ContrastiveModel(VideoTower):
    """A video tower beside a text tower.

    Args:
        video_encoder: see `VideoTower`.
        text_encoder: tokens to features.
        embed_dim: E, size of the shared space.
    """

    def __init__(self, video_encoder: VideoEncoder, text_encoder: BertTextEncoder, embed_dim: int = 512) -> None:
        super().__init__(video_encoder, embed_dim)
        self.text_encoder = text_encoder
        self.text_proj = nn.Linear(text_encoder.out_features, embed_dim)

    def embed_text(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Tokens and their mask, `[B, L]` each, to L2-normalised embeddings `[B, E]`."""
        return F.normalize(self.text_proj(self.text_encoder(tokens, mask)), dim=-1)

    def pair(self, clips: Tensor, tokens: Tensor, mask: Tensor) -> Embeddings:
        """Embed matched clips `[B, 1 or 3, T, H, W]` and reports `[B, L]`, whose mask is true on real tokens."""
        return Embeddings(cast(Tensor, self(clips)), self.embed_text(tokens, mask))
