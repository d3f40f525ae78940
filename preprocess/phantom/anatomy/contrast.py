"""How bright each tissue is in the kinds of picture that a cardiac examination holds."""

from __future__ import annotations

from dataclasses import dataclass, replace

__all__ = ["CINE_CONTRAST", "LATE_ENHANCEMENT", "PHASE", "SCOUT", "Contrast", "molli", "perfusion"]


@dataclass(frozen=True)
class Contrast:
    """Signal of each tissue relative to a bright cine blood pool of about 0.85."""

    blood: float = 0.86
    myocardium: float = 0.34
    scar: float = 0.34
    fat: float = 0.80
    fluid: float = 1.05
    lung: float = 0.05
    muscle: float = 0.26
    mediastinum: float = 0.50
    liver: float = 0.36
    bone: float = 0.40
    air: float = 0.01


CINE_CONTRAST = Contrast()
SCOUT = Contrast(blood=0.70, myocardium=0.38, scar=0.38, fat=0.9, fluid=0.8)
LATE_ENHANCEMENT = Contrast(
    blood=0.62, myocardium=0.07, scar=0.95, fat=0.55, fluid=0.05, muscle=0.15, mediastinum=0.3, liver=0.3
)
PHASE = Contrast(blood=0.72, myocardium=0.5, scar=0.5, fat=0.5, fluid=0.5, lung=0.5, muscle=0.5,
                 mediastinum=0.5, liver=0.5, bone=0.5, air=0.5)  # fmt: skip


def perfusion(share: float) -> Contrast:
    """First pass of contrast medium at a share of the series, 0–1: blood fills first, then myocardium."""
    blood = 0.15 + 0.8 * max(0.0, 1 - abs(share - 0.45) / 0.4)
    muscle = 0.10 + 0.35 * min(1.0, max(0.0, (share - 0.35) / 0.4))
    return Contrast(blood=blood, myocardium=muscle, scar=0.5 * muscle, fat=0.35, fluid=0.1, muscle=0.1,
                    mediastinum=0.2, liver=0.15, bone=0.15)  # fmt: skip


def molli(share: float) -> Contrast:
    """An image of an inversion-recovery series at a share of the recovery, 0–1."""
    scale = abs(2 * share - 0.7)
    return replace(
        CINE_CONTRAST, blood=0.6 * scale, myocardium=0.45 * abs(2.2 * share - 0.6), scar=0.4 * scale, fluid=0.3
    )
