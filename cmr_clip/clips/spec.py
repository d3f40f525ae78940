"""How a cine becomes a clip for an encoder."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cmr_clip.errors import CmrClipError

__all__ = ["ClipSpec", "subsample_frames"]


@dataclass(frozen=True)
class ClipSpec:
    """How a cine becomes a clip for an encoder; stored with the weights.

    Attributes:
        n_frames: T, taken uniformly over the cine.
        size: H = W in pixels.
        crop: side of the central square, as a fraction of the shorter image side; the paper's 224 of 264.
        field_of_view_mm: side of the central square in mm instead, which makes sizes comparable between scanners.
        mean: subtracted from intensities in [0, 1].
        std: divided by afterwards.
        averaging: average pixels where the image shrinks; without it bilinear sampling alone, as the authors' code.

    Raises:
        CmrClipError: a size below 1, a fraction, a field of view or a deviation that is not above 0, or no number.
    """

    n_frames: int = 16
    size: int = 224
    crop: float = 224 / 264
    field_of_view_mm: float | None = None
    mean: float = 0.45
    std: float = 0.225
    averaging: bool = True

    def __post_init__(self) -> None:
        wrong = [
            name for name in ("n_frames", "size") if type(getattr(self, name)) is not int or getattr(self, name) < 1
        ]
        above_zero = ["crop", "std", *([] if self.field_of_view_mm is None else ["field_of_view_mm"])]
        wrong += [name for name in above_zero if not _is_number(getattr(self, name)) or getattr(self, name) <= 0]
        wrong += [] if _is_number(self.mean) else ["mean"]
        wrong += [] if isinstance(self.averaging, bool) else ["averaging"]
        if wrong:
            raise CmrClipError(f"{wrong[0]} of a clip is {getattr(self, wrong[0])!r}", "see cmr_clip.clips.ClipSpec")

    @classmethod
    def compat(cls, n_frames: int = 16, size: int = 224) -> ClipSpec:
        """The input scaling of the paper authors' code, for weights trained with it only.

        They normalise grey values of 0 to 255 as if these lay in [0, 1] and divide by 255 afterwards:
        `((255 v − 0.45) / 0.225) / 255 = (v − 0.45/255) / 0.225` for v in [0, 1]. The shorter side is resized to
        264 (for 224) bilinearly without averaging, and the centre cut out.
        """
        return cls(n_frames, size, crop=size / (size + 40), mean=0.45 / 255, std=0.225, averaging=False)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def subsample_frames(total: int, n_frames: int) -> npt.NDArray[np.int64]:
    """The paper's uniform temporal subsampling: indices of frames `[T]`, `floor(i·(total−1)/(T−1))`; few frames repeat.

    Args:
        total: frames of the cine.
        n_frames: T.
    """
    steps = np.arange(n_frames, dtype=np.int64)
    return steps * (total - 1) // max(n_frames - 1, 1)
