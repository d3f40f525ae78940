"""The one builder of stacks: pixels in, plausible geometry and times around them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from preprocess.store.study import CineStack

__all__ = ["stack_of"]

AXIAL_PLANE = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
SLICE_DISTANCE_MM = 10.0


def stack_of(pixels: np.ndarray, *, spacing_mm: float = 2.0, interval_ms: float = 40.0, **fields: object) -> CineStack:
    """A stack of axial slices 10 mm apart, all frames of each slice there; `fields` replaces what is given by name.

    Args:
        pixels: `[slice, frame, row, col]`.
        spacing_mm: side of a pixel.
        interval_ms: time from frame to frame.
        fields: fields of `CineStack`.
    """
    n_slices, n_frames = pixels.shape[:2]
    stack = CineStack(
        pixels=pixels,
        n_frames=np.full(n_slices, n_frames, np.int32),
        pixel_spacing=(spacing_mm, spacing_mm),
        slice_thickness=8.0,
        image_orientation=np.array(AXIAL_PLANE),
        image_position=SLICE_DISTANCE_MM * np.arange(n_slices)[:, None] * np.array([0.0, 0.0, 1.0]),
        trigger_time=np.tile(interval_ms * np.arange(n_frames), (n_slices, 1)),
        intensity_window=(0.0, 255.0),
    )
    return replace(stack, **fields)  # type: ignore[arg-type]
