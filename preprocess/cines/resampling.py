"""Another pixel spacing and a centre crop, in the plane of a stack; what lies where in the patient stays the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from preprocess.geometry import Vector

__all__ = ["PixelGrid"]

_CLOSE = 1e-3  # relative: spacings that differ by less are the same


@dataclass(frozen=True)
class _Axis:
    """One direction of a grid: `size` pixels of which the first lies at pixel `first` of the old grid, `step` apart."""

    size: int
    first: float
    step: float

    @classmethod
    def of(cls, size: int, spacing: float, wanted: float | None) -> _Axis:
        """As many pixels of the wanted spacing as fit, in the middle of the old ones."""
        if wanted is None or abs(wanted - spacing) <= _CLOSE * spacing:
            return cls(size, 0.0, 1.0)
        step = wanted / spacing
        count = max(1, int(size / step + 1e-6))
        return cls(count, (size - count * step) / 2 + step / 2 - 0.5, step)

    @property
    def box(self) -> tuple[float, float]:
        """Edges of the outermost pixels, in old pixels counted from the first edge."""
        start = self.first + 0.5 - self.step / 2
        return max(0.0, start), start + self.size * self.step

    def cut_at(self, crop: int | None) -> int:
        """The pixel that becomes the first of `crop` from the middle; negative where zeros come before it."""
        return (self.size - crop) // 2 if crop else 0

    def overlap(self, crop: int) -> tuple[slice, slice]:
        """Where the pixels that are kept go to, and where they come from."""
        start, length = self.cut_at(crop), min(self.size, crop)
        return slice(max(0, -start), max(0, -start) + length), slice(max(0, start), max(0, start) + length)


@dataclass(frozen=True)
class PixelGrid:
    """Pixels of a stack after resampling and cropping.

    Attributes:
        rows: the direction down the image.
        cols: the direction along a row.
        old: rows and columns before.
        spacing: distance of rows and of columns in mm.
        crop: rows and columns to cut out of the middle, or to fill up with zeros; None to keep them.
    """

    rows: _Axis
    cols: _Axis
    old: tuple[int, int]
    spacing: tuple[float, float]
    crop: int | None

    @classmethod
    def of(
        cls, size: tuple[int, int], spacing: tuple[float, float], spacing_mm: float | None, crop: int | None
    ) -> PixelGrid:
        """Plan a grid.

        Args:
            size: rows and columns.
            spacing: distance of rows and of columns in mm.
            spacing_mm: wanted distance; None to keep it.
            crop: see `crop`.
        """
        rows, cols = (_Axis.of(*pair, spacing_mm) for pair in zip(size, spacing, strict=True))
        return cls(rows, cols, size, (spacing[0] * rows.step, spacing[1] * cols.step), crop)

    @property
    def is_resampled(self) -> bool:
        """True where values are interpolated."""
        return (self.rows.step, self.cols.step) != (1.0, 1.0)

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns after all."""
        return (self.crop, self.crop) if self.crop else (self.rows.size, self.cols.size)

    def resample(self, frame: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Interpolate linearly, `[row, col]`; where the image shrinks, over as many pixels as become one."""
        (top, bottom), (left, right) = self.rows.box, self.cols.box
        box = (left, top, min(right, frame.shape[1]), min(bottom, frame.shape[0]))
        image = Image.fromarray(frame.astype(np.float32))
        size = (self.cols.size, self.rows.size)
        return np.asarray(image.resize(size, Image.Resampling.BILINEAR, box=box), dtype=np.float32)

    def cut(self, pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Crop or fill up the last two axes, `[..., row, col]`, with zeros."""
        if self.crop is None:
            return pixels
        out = np.zeros((*pixels.shape[:-2], *self.size), dtype=pixels.dtype)
        (to_rows, from_rows), (to_cols, from_cols) = self.rows.overlap(self.crop), self.cols.overlap(self.crop)
        out[..., to_rows, to_cols] = pixels[..., from_rows, from_cols]
        return out

    def moved(self, position: Vector, orientation: Vector, spacing: tuple[float, float]) -> Vector:
        """Where the first pixel lies now.

        Args:
            position: where it lay, `[3]` in mm.
            orientation: direction cosines, `[6]`.
            spacing: distance of rows and of columns before, in mm.
        """
        down, along = (axis.first + axis.cut_at(self.crop) * axis.step for axis in (self.rows, self.cols))
        moved: Vector = position + along * spacing[1] * orientation[:3] + down * spacing[0] * orientation[3:]
        return moved
