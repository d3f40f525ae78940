"""What a clip is: its specification, batches of clips, and reading them from the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preprocess.faces import face

if TYPE_CHECKING:
    from cmr_clip.clips.batch import Clip as Clip
    from cmr_clip.clips.batch import RawClips as RawClips
    from cmr_clip.clips.batch import stack_clips as stack_clips
    from cmr_clip.clips.reader import ClipKey as ClipKey
    from cmr_clip.clips.reader import ClipReader as ClipReader
    from cmr_clip.clips.reader import clip_keys as clip_keys
    from cmr_clip.clips.spec import ClipSpec as ClipSpec
    from cmr_clip.clips.spec import subsample_frames as subsample_frames
else:
    __all__, __getattr__, __dir__ = face(
        __name__,
        batch="Clip RawClips stack_clips",
        reader="ClipKey ClipReader clip_keys",
        spec="ClipSpec subsample_frames",
    )
