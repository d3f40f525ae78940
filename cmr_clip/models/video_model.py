"""A pretrained video encoder on its own: clips in, features and embeddings out."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from cmr_clip.clips.spec import ClipSpec
from cmr_clip.encoders.protocol import VideoEncoder
from cmr_clip.errors import CmrClipError
from cmr_clip.models.towers import VideoTower

__all__ = ["Projection", "VideoModel"]

Projection = Literal["trained", "random", "none"]
"""State of the projection into the shared space: as it came with the weights, filled at random on request, or
absent (Kinetics weights have none)."""


class VideoModel(VideoTower):
    """A pretrained video tower that knows its preprocessing.

    `model(clips)` takes `[B, 1 or 3, T, H, W]`, preprocessed, to L2-normalised embeddings `[B, E]`;
    `model.features(clips)` to the encoder's features `[B, D]`.

    Args:
        video_encoder: the encoder.
        embed_dim: E.
        preprocessing: how a cine becomes a clip for this encoder.
        projection: whether embeddings mean anything.

    Attributes:
        preprocessing: as given.
        projection: as given.
    """

    def __init__(
        self, video_encoder: VideoEncoder, embed_dim: int, preprocessing: ClipSpec, projection: Projection = "trained"
    ) -> None:
        super().__init__(video_encoder, embed_dim)
        self.preprocessing = preprocessing
        self.projection: Projection = projection

    def project(self, features: Tensor) -> Tensor:
        """Features `[B, D]` to L2-normalised embeddings `[B, E]`.

        Raises:
            CmrClipError: the weights came without a projection.
        """
        if self.projection == "none":
            raise CmrClipError(
                "these weights have no projection into the embedding space: they were never trained with reports",
                "use model.features(clips), or load them with random_projection=True to train one",
            )
        return super().project(features)
