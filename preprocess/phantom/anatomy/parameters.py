"""The numbers that define one heart, drawn from the ranges of its phenotype."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from preprocess.phantom.anatomy.cycle import Cycle
from preprocess.phantom.anatomy.phenotypes import Phenotype, Range

__all__ = ["MYOCARDIAL_DENSITY", "HeartParameters", "Infarct", "Territory", "follow_up", "sample_heart"]

MYOCARDIAL_DENSITY = 1.05  # g/mL


class Territory(str, Enum):
    """The coronary artery whose territory doesn't contract."""

    LAD = "LAD"
    LCX = "LCX"
    RCA = "RCA"

    @property
    def angle(self) -> float:
        """Middle of the territory in the short axis, degrees: 0 lateral, 90 anterior, 180 septal."""
        return {"LAD": 125.0, "LCX": -15.0, "RCA": 255.0}[self.value]


@dataclass(frozen=True)
class Infarct:
    """A regional wall-motion defect: `severity` 1 doesn't move at all; the wall is thinner by `thinning`."""

    territory: Territory
    severity: float
    thinning: float


@dataclass(frozen=True)
class HeartParameters:
    """One heart. Volumes in mL, lengths in mm; the other fields are those of `Phenotype`."""

    lvedv: float
    lvesv: float
    wall_volume: float
    length: float
    mapse: float
    tapse: float
    rvedv: float
    rvesv: float
    rv_wall: float
    la_max: float
    la_min: float
    ra_max: float
    ra_min: float
    septal_asymmetry: float
    flattening_ed: float
    flattening_es: float
    effusion: float
    fat: float
    cycle: Cycle
    infarct: Infarct | None = None

    @property
    def lvef(self) -> float:
        """Left-ventricular ejection fraction, %."""
        return 100 * (1 - self.lvesv / self.lvedv)

    @property
    def rvef(self) -> float:
        """Right-ventricular ejection fraction, %."""
        return 100 * (1 - self.rvesv / self.rvedv)

    @property
    def mass(self) -> float:
        """Left-ventricular mass, g."""
        return MYOCARDIAL_DENSITY * self.wall_volume


def sample_heart(kind: Phenotype, area: float, rng: np.random.Generator) -> HeartParameters:
    """Draw a heart of a phenotype for a body surface area (m²)."""

    def draw(limits: Range) -> float:
        return float(rng.uniform(*limits))

    lvedv, rvedv = area * draw(kind.edv_index), area * draw(kind.rv_edv_index)
    la_max, ra_max = area * draw(kind.la_index), area * draw(kind.ra_index)
    la_emptying = draw((0.30, 0.40)) if kind.name in ("amyloid", "la_dilation") else draw((0.45, 0.58))
    heart = HeartParameters(
        lvedv=lvedv,
        lvesv=lvedv * (1 - draw(kind.lvef) / 100),
        wall_volume=area * draw(kind.mass_index) / MYOCARDIAL_DENSITY,
        length=92.0 * (lvedv / 150.0) ** 0.25 * draw(kind.elongation),
        mapse=draw(kind.mapse),
        tapse=draw(kind.tapse),
        rvedv=rvedv,
        rvesv=rvedv * (1 - draw(kind.rvef) / 100),
        rv_wall=draw(kind.rv_wall),
        la_max=la_max,
        la_min=la_max * (1 - la_emptying),
        ra_max=ra_max,
        ra_min=ra_max * (1 - draw((0.35, 0.48))),
        septal_asymmetry=draw(kind.septal_asymmetry),
        flattening_ed=draw(kind.flattening_ed),
        flattening_es=draw(kind.flattening_es),
        effusion=draw(kind.effusion),
        fat=draw((2.5, 6.0)),
        cycle=Cycle(end_systole=draw((0.32, 0.40)), atrial_kick=draw((0.16, 0.28))),
    )
    if not kind.infarct:
        return heart
    # Nearly immobile and thinned, in the territory of the LAD twice as often as of each other artery.
    territory = (Territory.LAD, Territory.LAD, Territory.LCX, Territory.RCA)[int(rng.integers(4))]
    return replace(heart, infarct=Infarct(territory, severity=draw((0.85, 0.98)), thinning=draw((0.45, 0.6))))


def follow_up(heart: HeartParameters, rng: np.random.Generator) -> HeartParameters:
    """The same heart some months later: volumes change by a few percent, the ejection fraction by a few points."""
    lvedv = heart.lvedv * float(rng.uniform(0.95, 1.05))
    rvedv = heart.rvedv * float(rng.uniform(0.95, 1.05))
    lvef = float(np.clip(heart.lvef + rng.normal(0, 2.5), 12, 82))
    rvef = float(np.clip(heart.rvef + rng.normal(0, 2.0), 15, 75))
    return replace(heart, lvedv=lvedv, lvesv=lvedv * (1 - lvef / 100), rvedv=rvedv, rvesv=rvedv * (1 - rvef / 100))
