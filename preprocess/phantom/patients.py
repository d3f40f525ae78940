"""Who is examined: patients with a phenotype, a body, a hospital and one or two studies.

Everything about patient *i* is drawn from (seed, i) alone, so that it doesn't depend on how many others there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from preprocess.phantom.anatomy.chest import Chest, sample_chest
from preprocess.phantom.anatomy.heart import Heart
from preprocess.phantom.anatomy.parameters import follow_up, sample_heart
from preprocess.phantom.anatomy.phenotypes import PHENOTYPES, Phenotype
from preprocess.phantom.anatomy.pose import Pose, sample_pose
from preprocess.phantom.scanner.vendors import STYLES, NameScheme, VendorStyle

__all__ = ["FOLLOW_UP_SHARE", "PhantomPatient", "PhantomStudy", "sample_patient"]

FOLLOW_UP_SHARE = 1 / 12
_FAMILY = ("Weber", "Okafor", "Lindqvist", "Moreau", "Tanaka", "García", "Novak", "Haugen", "Rossi", "Kowalski",
           "Silva", "Brandt", "Ferreira", "Yilmaz", "Murphy", "Dubois")  # fmt: skip
_GIVEN = {"F": ("Anna", "Maria", "Ingrid", "Zoé", "Aiko", "Lucía", "Sofia", "Nadia", "Grace", "Elif"),
          "M": ("Thomas", "Jan", "Olav", "Pierre", "Kenji", "José", "Marco", "Samuel", "Emre")}  # fmt: skip
_BLOCK, _PERSON, _STUDY = 1, 2, 3  # streams of random numbers


@dataclass(frozen=True)
class PhantomStudy:
    """One examination; everything that is needed to draw and describe it.

    Attributes:
        seed: Key of its random numbers (cohort seed, patient, visit).
        accession: Accession number.
        day: Date of the study.
        age: Age of the patient, years.
        heart_rate: Beats per minute.
        heart: The heart in this examination.
        chest: The chest around it.
        model: Index of the scanner among the vendor's models.
    """

    seed: tuple[int, int, int]
    accession: str
    day: date
    age: int
    heart_rate: int
    heart: Heart
    chest: Chest
    model: int

    def rng(self, *stream: int) -> np.random.Generator:
        """Random numbers of one part of the study, independent of every other part."""
        return np.random.default_rng([_STUDY, *self.seed, *stream])


@dataclass(frozen=True)
class PhantomPatient:
    """A patient of the phantom. Names and numbers are invented; height in cm, weight in kg."""

    index: int
    patient_id: str
    name: str
    sex: str
    born: date
    height: float
    weight: float
    phenotype: Phenotype
    vendor: VendorStyle
    scheme: NameScheme
    studies: tuple[PhantomStudy, ...]

    @property
    def body_surface_area(self) -> float:
        """Body surface area after Mosteller, m²."""
        return _surface(self.height, self.weight)


def _surface(height: float, weight: float) -> float:
    return float(np.sqrt(height * weight / 3600))


def _from_deck(seed: int, index: int, deck: int, stream: int) -> int:
    """A card dealt from shuffled decks: each value occurs once in every `deck` patients."""
    rng = np.random.default_rng([_BLOCK, seed, stream, index // deck])
    return int(rng.permutation(deck)[index % deck])


def sample_patient(seed: int, index: int) -> PhantomPatient:
    """Patient number `index` of the cohort `seed`; the same whatever the size of the cohort."""
    rng = np.random.default_rng([_PERSON, seed, index])
    kind = PHENOTYPES[_from_deck(seed, index, len(PHENOTYPES), 0)]
    vendor = STYLES[_from_deck(seed, index, len(STYLES), 1)]
    sex = "F" if rng.random() < 0.45 else "M"
    height = float(np.clip(rng.normal(165 if sex == "F" else 178, 6.5), 148, 198))
    weight = float(np.clip(rng.normal(24.8, 3.0), 18.5, 34) * (height / 100) ** 2)
    first_day = date(2014, 1, 6) + timedelta(days=int(rng.integers(0, 3100)))
    age = int(rng.integers(24, 84))
    born = first_day - timedelta(days=int(365.25 * age) + int(rng.integers(20, 340)))
    name = f"{_FAMILY[int(rng.integers(len(_FAMILY)))]}^{_GIVEN[sex][int(rng.integers(len(_GIVEN[sex])))]}"
    patient_id = f"MRN{int(rng.integers(10, 100))}{index:05d}"
    scheme = vendor.schemes[int(rng.integers(len(vendor.schemes)))]
    area = _surface(height, weight)
    is_followed_up = rng.random() < FOLLOW_UP_SHARE
    pose, chest = sample_pose(rng), sample_chest((weight / 74) ** 0.33, rng)
    rng = np.random.default_rng([_STUDY, seed, index, 0])
    parameters = sample_heart(kind, area, rng)
    studies = [_study((seed, index, 0), Heart(parameters, pose), chest, first_day, born, rng)]
    if is_followed_up:  # another day, another position on the table, a slightly changed heart
        rng = np.random.default_rng([_STUDY, seed, index, 1])
        moved = Pose(pose.origin + rng.uniform(-5, 5, 3), pose.axes)
        heart = Heart(follow_up(parameters, rng), moved)
        day = first_day + timedelta(days=int(rng.integers(160, 900)))
        studies.append(_study((seed, index, 1), heart, chest, day, born, rng))
    return PhantomPatient(index, patient_id, name, sex, born, height, weight, kind, vendor, scheme, tuple(studies))


def _study(
    key: tuple[int, int, int], heart: Heart, chest: Chest, day: date, born: date, rng: np.random.Generator
) -> PhantomStudy:
    return PhantomStudy(
        seed=key,
        accession=f"A{day.year % 100:02d}{int(rng.integers(100, 1000))}{key[1]:05d}{key[2] + 1}",
        day=day,
        age=int((day - born).days / 365.25),
        heart_rate=int(rng.integers(52, 92)),
        heart=heart,
        chest=chest,
        model=int(rng.integers(3)),
    )
