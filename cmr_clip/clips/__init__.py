"""What a clip is: its specification, batches of clips, and reading them from the store."""

from cmr_clip.clips.batch import Clip, RawClips
from cmr_clip.clips.reader import ClipReader
from cmr_clip.clips.spec import ClipSpec

__all__ = ["Clip", "ClipReader", "ClipSpec", "RawClips"]
