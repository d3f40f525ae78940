"""The chest around the heart: a body with lungs, liver, spine and vessels, still while the heart beats."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from preprocess.phantom.anatomy.arrays import Floats
from preprocess.phantom.anatomy.contrast import Contrast

__all__ = ["Chest", "coverage", "sample_chest"]


def coverage(distance: Floats, width: float) -> Floats:
    """Share (0–1) of each pixel inside a surface, with an edge of `width` mm; `distance`: signed, mm, same shape."""
    return np.asarray(np.clip(np.float32(0.5) - distance * np.float32(1.0 / width), np.float32(0), np.float32(1)))


@dataclass(frozen=True)
class Chest:
    """Sizes in mm; x points left, y back, z up, the origin in the middle of the body.

    Attributes:
        half_width: Half the width of the body.
        half_depth: Half its depth.
        skin_fat: Thickness of the fat under the skin.
        diaphragm: Height z of the top of the diaphragm.
        rib_phase: Where along z the ribs lie, radians.
        coil: How much the surface coil brightens the front, 0–1.
    """

    half_width: float
    half_depth: float
    skin_fat: float
    diaphragm: float
    rib_phase: float
    coil: float

    def paint(self, points: Floats, contrast: Contrast, width: float) -> Floats:
        """Signal at patient points [N, 3] (LPS, mm) without the heart, [N] float32."""
        x, y, z = (points[:, axis].astype(np.float32) for axis in range(3))
        body = _ellipse(x / self.half_width, y / self.half_depth, self.half_depth)
        image = np.full_like(x, contrast.air)
        _blend(image, contrast.fat, coverage(body, width))
        ribs = 0.85 + 0.35 * np.sin(z / 5.5 + 0.06 * x + self.rib_phase)
        _blend(image, contrast.muscle * ribs.astype(np.float32), coverage(body + self.skin_fat, width))
        cavity = body + (self.skin_fat + 15.0)
        dome = (x + 25) / 150.0
        below = z - (self.diaphragm - 34.0 * dome * dome - 30.0 * ((y + 5) / 90.0) ** 2)
        vessels = np.sin(x * 0.31 + z * 0.17) * np.sin(y * 0.27 - z * 0.23) * np.sin(x * 0.13 - y * 0.21)
        lung = contrast.lung + 0.22 * contrast.blood * np.clip(vessels - 0.35, 0, 1)
        _blend(image, lung, coverage(cavity, width))
        middle = _ellipse((x - 8) / 34.0, (y - 28) / 66.0, 40.0)
        _blend(image, contrast.mediastinum, coverage(np.maximum(cavity, middle), 3 * width))
        # Liver on the right, stomach and spleen on the left, with a soft border.
        right = np.clip((45.0 - x + 0.2 * y) / 12.0, 0, 1)
        abdomen = contrast.liver * right + (0.55 * contrast.liver + 0.1 * contrast.fat) * (1 - right)
        _blend(image, abdomen, coverage(np.maximum(cavity, below), width))
        # Vertebra with its canal, back muscles, descending aorta and vena cava, along z.
        spine = 0.58 * self.half_depth
        _blend(image, contrast.bone, coverage(np.hypot(x, (y - spine) * 1.15) - 21, width))
        _blend(image, contrast.fluid, coverage(np.hypot(x, y - spine - 25) - 7, width))
        for side in (-27, 27):
            _blend(image, contrast.muscle, coverage(np.hypot((x - side) / 1.2, y - spine - 26) - 15, width))
        _blend(image, contrast.blood, coverage(np.hypot(x - 27, y - spine + 18) - 11.5, width))
        _blend(image, contrast.blood, coverage(np.hypot(x + 26, y - 22) - 9.5, width))
        return image

    def shading(self, points: Floats) -> Floats:
        """Smooth sensitivity of the coils at patient points [N, 3] (mm), [N] float32, about 1 in the heart."""
        front = -points[:, 1] / self.half_depth
        side = points[:, 0] / self.half_width
        return (1.0 + self.coil * (0.24 * front + 0.12 * front**2) - 0.10 * side**2).astype(np.float32)


def _ellipse(x: Floats, y: Floats, scale: float) -> Floats:
    """Approximate distance (mm) to the unit ellipse in scaled coordinates."""
    return np.asarray((np.sqrt(x * x + y * y) - 1) * np.float32(scale))


def _blend(image: Floats, signal: Floats | float, share: Floats) -> None:
    """Cover the image in place with a signal where `share` is 1."""
    image += share * (signal - image)


def sample_chest(scale: float, rng: np.random.Generator) -> Chest:
    """A chest for a body of relative size `scale` (1 = average)."""
    return Chest(
        half_width=170.0 * scale * float(rng.uniform(0.96, 1.05)),
        half_depth=116.0 * scale * float(rng.uniform(0.97, 1.06)),
        skin_fat=float(rng.uniform(9, 24)),
        diaphragm=float(rng.uniform(-34, -22)),
        rib_phase=float(rng.uniform(0, 2 * np.pi)),
        coil=float(rng.uniform(0.5, 1.0)),
    )
