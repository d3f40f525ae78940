"""What turns clips and text into features."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preprocess.faces import face

if TYPE_CHECKING:
    from cmr_clip.encoders.bert import BertTextEncoder as BertTextEncoder
    from cmr_clip.encoders.mvit.mvit import MViT as MViT
    from cmr_clip.encoders.mvit.presets import mvit_b_16x4 as mvit_b_16x4
    from cmr_clip.encoders.mvit.presets import mvit_b_32x3 as mvit_b_32x3
    from cmr_clip.encoders.mvit.presets import mvit_tiny as mvit_tiny
    from cmr_clip.encoders.protocol import ClipShape as ClipShape
    from cmr_clip.encoders.protocol import Recognised as Recognised
    from cmr_clip.encoders.protocol import Renamed as Renamed
    from cmr_clip.encoders.protocol import Resized as Resized
    from cmr_clip.encoders.protocol import VideoEncoder as VideoEncoder
    from cmr_clip.encoders.registry import kinds as kinds
    from cmr_clip.encoders.registry import register as register
    from cmr_clip.encoders.registry import registered as registered
else:
    __all__, __getattr__, __dir__ = face(
        __name__,
        bert="BertTextEncoder",
        mvit__mvit="MViT",
        mvit__presets="mvit_b_16x4 mvit_b_32x3 mvit_tiny",
        protocol="ClipShape Recognised Renamed Resized VideoEncoder",
        registry="kinds register registered",
    )
