"""How the ventricles fill and empty over one heart beat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator

from preprocess.phantom.anatomy.arrays import Floats

__all__ = ["Cycle"]


@dataclass(frozen=True)
class Cycle:
    """One beat; phases run from 0 (end diastole, the R wave) to 1.

    Attributes:
        end_systole: Phase of the smallest ventricular volume, 0–1.
        atrial_kick: Share of the stroke volume that the atria deliver, 0–1.
    """

    end_systole: float
    atrial_kick: float

    def filling(self, phases: Floats) -> Floats:
        """Share of the stroke volume that is inside the ventricle, [T]: 1 at end diastole, 0 at end systole.

        Fast ejection, rapid filling, diastasis and the atrial kick, as a monotone cubic through their knots.
        """
        es, before_kick = self.end_systole, 1.0 - self.atrial_kick
        kick_start = min(0.84, es + 0.44)
        at = [0.0, 0.05, 0.55 * es, es, es + 0.04, es + 0.20, kick_start, 0.95, 1.0]
        share = [1.0, 0.985, 0.36, 0.0, 0.03, 0.9 * before_kick, before_kick, 0.995, 1.0]
        curve = PchipInterpolator(at, share)(np.mod(np.asarray(phases, dtype=np.float64), 1.0))
        return np.asarray(np.clip(curve, 0.0, 1.0))

    def valve_closure(self, phases: Floats) -> Floats:
        """How far the mitral and tricuspid valves are closed, [T], 0–1."""
        phase = np.mod(np.asarray(phases, dtype=np.float64), 1.0)
        closing = np.clip((phase - 0.97) / 0.03, 0.0, 1.0)
        opening = np.clip((self.end_systole + 0.09 - phase) / 0.05, 0.0, 1.0)
        return np.maximum(np.maximum(closing, opening), 0.25)
