"""Turn the heart and the chest into the pictures of one slice, frame by frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from preprocess.phantom.anatomy.arrays import Floats
from preprocess.phantom.anatomy.chest import Chest, coverage
from preprocess.phantom.anatomy.contrast import Contrast
from preprocess.phantom.anatomy.heart import Distances, Heart, Sample
from preprocess.phantom.anatomy.shape import State
from preprocess.phantom.scanner.positioning import Plane

__all__ = ["Scene", "add_noise"]

_ATRIAL_WALL = 2.0  # mm
_MARGIN = 6.0  # mm around the heart that is painted anew in each frame
# Papillary muscles: angle (degrees), distance from the axis relative to the cavity, radius at rest (mm)
_PAPILLARY = ((35.0, 0.62, 4.6), (238.0, 0.62, 4.2))


@dataclass(frozen=True)
class Scene:
    """A heart in its chest."""

    heart: Heart
    chest: Chest

    def cine(self, plane: Plane, phases: Floats, contrasts: Sequence[Contrast]) -> Floats:
        """Noise-free pictures of one slice, [T, H, W] float32, blood about 0.86.

        Args:
            plane: The slice.
            phases: Phase of each frame, 0 = end diastole, [T].
            contrasts: One for all frames, or one for each.
        """
        points = plane.points()
        width = 1.15 * plane.grid.spacing
        state = self.heart.state(phases)
        # The points that the heart reaches at some phase.
        parameters, local = self.heart.parameters, self.heart.pose.to_heart(points)
        near = np.flatnonzero((local[:, 2] > -110) & (local[:, 2] < parameters.length + 35))
        extremes = np.array([0.0, parameters.cycle.end_systole, 0.5 * parameters.cycle.end_systole])
        at_extremes = self.heart.distances(self.heart.sample(points[near]), self.heart.state(extremes))
        reach = parameters.fat + 1.4 * parameters.effusion + _MARGIN
        active = near[(at_extremes.outside < reach).any(axis=0)]
        sample = self.heart.sample(points[active])
        distances = self.heart.distances(sample, state)
        still = np.stack([self.chest.paint(points, contrast, width) for contrast in contrasts])
        image = np.repeat(still, len(phases) // len(contrasts), axis=0)
        # The heart's tissues as columns over the frames; the fat around it is not pure.
        tissues = [(c.blood, c.myocardium, c.scar, 0.75 * c.fat, c.fluid, c.muscle) for c in contrasts]
        signals = _Signals(*np.array(tissues, dtype=np.float32).T[:, :, None])
        image[:, active] = self._paint(image[:, active], distances, sample, state, signals, width)
        image *= self.chest.shading(points)
        return image.reshape(len(phases), plane.grid.rows, plane.grid.columns)

    def _paint(
        self, image: Floats, d: Distances, sample: Sample, state: State, signal: _Signals, width: float
    ) -> Floats:
        """Paint the heart over the still chest, outermost layer first, [T, M]."""
        effusion = self.heart.parameters.effusion
        fat = np.float32(self.heart.parameters.fat)
        # Fluid collects behind and below.
        behind = (0.5 * sample.x - 0.85 * sample.y) / (sample.r + 8)
        fluid = np.float32(max(effusion, 0.0)) * np.asarray(0.85 + 0.5 * behind, dtype=np.float32)
        _cover(image, signal.lining, coverage(d.pericardium - fluid - 1.6 - fat, width))
        _cover(image, signal.lining, coverage(d.outside - fat, width))
        if effusion > 0:
            _cover(image, signal.muscle, coverage(d.pericardium - fluid - np.float32(1.6), width))
            _cover(image, signal.fluid, coverage(d.pericardium - fluid, width))
        wall = np.minimum(np.minimum(d.rv_outer, d.ra - np.float32(_ATRIAL_WALL)), d.la - np.float32(_ATRIAL_WALL))
        _cover(image, signal.myocardium, coverage(np.minimum(wall, d.aorta - np.float32(1.5)), width))
        right = np.minimum(d.rv_cavity, d.ra)
        _cover(image, signal.blood, coverage(np.minimum(np.minimum(right, d.la), d.aorta), width))
        self._valve(image, sample, state, signal, coverage(right + np.float32(2), width))
        scarred = np.clip(sample.weights.infarct * 1.3, 0, 1)  # the myocardium is brighter or darker there
        _cover(image, signal.myocardium + (signal.scar - signal.myocardium) * scarred, coverage(d.lv_outer, width))
        _cover(image, signal.blood, coverage(d.lv_cavity, width))
        # Two papillary muscles inside the cavity; they thicken and move inwards in systole.
        height = sample.z / self.heart.parameters.length
        present = (np.clip((height - 0.28) / 0.1, 0, 1) * np.clip((0.80 - height) / 0.1, 0, 1)).astype(np.float32)
        inside = np.clip(-d.lv_cavity / np.float32(2.0), 0, 1)
        inner = state.inner.astype(np.float32)
        for degrees, share, radius in _PAPILLARY:
            angle = np.deg2rad(degrees)
            x, y = np.float32(np.cos(angle) * share) * inner, np.float32(np.sin(angle) * share) * inner
            thick = (radius * (1 + 0.15 * state.contraction)).astype(np.float32)
            gap = np.sqrt((sample.x - x) ** 2 + (sample.y - y) ** 2) - thick
            _cover(image, signal.myocardium, 0.85 * present * inside * coverage(gap, 1.3 * width))
        self._valve(image, sample, state, signal, None)
        return image

    def _valve(self, image: Floats, sample: Sample, state: State, signal: _Signals, right: Floats | None) -> None:
        """A thin dark line across the open base, stronger while the valves are closed."""
        plane = (state.mitral if right is None else state.tricuspid).astype(np.float32)
        closure = (0.75 * state.closure).astype(np.float32)
        line = np.exp(-(((sample.z - plane) / np.float32(1.7)) ** 2))
        reach = np.clip((np.float32(28) - sample.r) / 4, 0, 1) if right is None else right
        _cover(image, signal.myocardium, closure * line * reach)


@dataclass(frozen=True)
class _Signals:
    """Tissue signals, each [T, 1] or [1, 1] float32."""

    blood: Floats
    myocardium: Floats
    scar: Floats
    lining: Floats
    fluid: Floats
    muscle: Floats


def _cover(image: Floats, signal: Floats, share: Floats) -> None:
    """Cover the image [T, M] in place with a signal where `share` is 1."""
    image += share * (signal - image)


def add_noise(image: Floats, sigma: float, rng: np.random.Generator) -> Floats:
    """Rician noise: the magnitude of a complex picture whose parts have Gaussian noise of `sigma`; same shape."""
    real = rng.standard_normal(image.shape, dtype=np.float32)
    real *= np.float32(sigma)
    real += image
    real *= real
    imaginary = rng.standard_normal(image.shape, dtype=np.float32)
    imaginary *= imaginary
    imaginary *= np.float32(sigma * sigma)
    real += imaginary
    return np.sqrt(real, out=real)
