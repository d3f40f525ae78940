"""The hearts that the phantom knows: one row of parameter ranges per phenotype.

Ranges are (lowest, highest) and sampled uniformly. They follow the published normal values of cardiac MRI
(volumes and mass indexed to body surface area) and textbook descriptions of the diseases; they are chosen so
that each phenotype can be told by eye, not to reproduce the prevalence or spread of any clinic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["PHENOTYPES", "Phenotype", "Range", "phenotype"]

Range: TypeAlias = tuple[float, float]


@dataclass(frozen=True)
class Phenotype:
    """Ranges of one kind of heart; the defaults describe a healthy one.

    Attributes:
        name: snake_case name, as in `truth.csv`.
        edv_index: Left-ventricular end-diastolic volume, mL/m².
        lvef: Left-ventricular ejection fraction, %.
        mass_index: Left-ventricular mass, g/m².
        rv_edv_index: Right-ventricular end-diastolic volume, mL/m².
        rvef: Right-ventricular ejection fraction, %.
        la_index: Largest left-atrial volume, mL/m².
        ra_index: Largest right-atrial volume, mL/m².
        mapse: Motion of the mitral plane towards the apex, mm.
        tapse: Motion of the tricuspid plane, mm.
        rv_wall: Thickness of the right-ventricular free wall, mm.
        septal_asymmetry: Share of the cavity radius that the basal septum takes, 0–1.
        flattening_ed: Flattening of the septum at end diastole, 0–1.
        flattening_es: The same at end systole.
        effusion: Pericardial fluid, mm.
        elongation: Length of the ventricle relative to its volume.
        infarct: Whether one coronary territory doesn't contract.
    """

    name: str
    edv_index: Range = (68, 88)
    lvef: Range = (57, 68)
    mass_index: Range = (45, 62)
    rv_edv_index: Range = (70, 92)
    rvef: Range = (50, 63)
    la_index: Range = (30, 44)
    ra_index: Range = (30, 44)
    mapse: Range = (12, 16)
    tapse: Range = (18, 25)
    rv_wall: Range = (2.2, 3.0)
    septal_asymmetry: Range = (0.0, 0.05)
    flattening_ed: Range = (0.0, 0.03)
    flattening_es: Range = (0.0, 0.03)
    effusion: Range = (0.0, 0.0)
    elongation: Range = (0.97, 1.04)
    infarct: bool = False


PHENOTYPES: tuple[Phenotype, ...] = (
    Phenotype("normal"),
    Phenotype(
        "dilated",
        edv_index=(128, 180),
        lvef=(15, 35),
        mass_index=(68, 90),
        rvef=(38, 55),
        la_index=(45, 62),
        mapse=(4, 8),
        tapse=(12, 19),
        elongation=(0.93, 1.0),
    ),
    Phenotype(
        "hypertrophic",
        edv_index=(54, 70),
        lvef=(65, 80),
        mass_index=(88, 125),
        la_index=(42, 58),
        mapse=(9, 13),
        septal_asymmetry=(0.36, 0.52),
    ),
    Phenotype(
        "amyloid",
        edv_index=(58, 74),
        lvef=(40, 55),
        mass_index=(105, 140),
        rv_edv_index=(68, 90),
        rvef=(36, 50),
        la_index=(60, 84),
        ra_index=(58, 82),
        mapse=(4, 7),
        tapse=(8, 13),
        rv_wall=(6.5, 9.0),
        effusion=(3.0, 7.0),
    ),
    Phenotype(
        "lv_hypertrophy",
        edv_index=(64, 82),
        lvef=(50, 65),
        mass_index=(84, 112),
        la_index=(38, 52),
        mapse=(9, 13),
    ),
    Phenotype(
        "ischaemic",
        edv_index=(92, 132),
        lvef=(25, 45),
        mass_index=(58, 76),
        rvef=(44, 58),
        la_index=(40, 56),
        mapse=(6, 10),
        infarct=True,
    ),
    Phenotype(
        "rv_dilation",
        lvef=(52, 64),
        rv_edv_index=(135, 180),
        rvef=(28, 44),
        ra_index=(52, 74),
        tapse=(11, 17),
        flattening_ed=(0.12, 0.20),
        flattening_es=(0.04, 0.10),
    ),
    Phenotype(
        "pulmonary_hypertension",
        edv_index=(55, 72),
        lvef=(50, 63),
        rv_edv_index=(105, 140),
        rvef=(25, 42),
        la_index=(26, 38),
        ra_index=(55, 78),
        tapse=(10, 16),
        rv_wall=(6.0, 9.0),
        flattening_ed=(0.16, 0.26),
        flattening_es=(0.34, 0.46),
    ),
    Phenotype("la_dilation", lvef=(48, 62), la_index=(78, 112), mapse=(9, 13)),
    Phenotype("pericardial_effusion", lvef=(50, 65), rv_edv_index=(60, 78), effusion=(12, 22), mapse=(9, 13)),
)


def phenotype(name: str) -> Phenotype:
    """The row of that name."""
    return {row.name: row for row in PHENOTYPES}[name]
