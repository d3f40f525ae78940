"""Write a radiology report from the truth: what a reader would say, in varied words, without any identifier."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np

from preprocess.phantom.anatomy.parameters import Territory
from preprocess.phantom.reporting import phrases
from preprocess.phantom.reporting.phrases import Templates
from preprocess.phantom.truth import Truth

__all__ = ["write_report"]

_REPORT = 4  # stream of random numbers
_LONGEST = 14  # sentences
_EF_AS_NUMBER = 0.97  # share of reports that state the LVEF as a number
_SEGMENTS = {
    Territory.LAD: ("mid anterior wall, anteroseptum and apex", "anteroseptal and apical segments"),
    Territory.LCX: ("lateral wall", "basal and mid inferolateral segments"),
    Territory.RCA: ("inferior wall", "basal and mid inferior segments"),
}
_CAPITALISED = ("grade", "noun", "function", "person", "size")
_GRADES = (("mildly", "mild"), ("moderately", "moderate"), ("severely", "severe"))


def write_report(truth: Truth) -> str:
    """The report of a study: 8 to 14 sentences, the same for the same study."""
    writer = _Writer(truth, truth.study.rng(_REPORT))
    return writer.report()


def _grade(value: float, mild: float, moderate: float, severe: float) -> int:
    """0 normal, 1 mild, 2 moderate, 3 severe."""
    return sum(value >= limit for limit in (mild, moderate, severe))


def _function(ejection_fraction: float, right: bool = False) -> str:
    """What a reader calls this ejection fraction."""
    limits = (20.0, 30.0, 40.0, 48.0) if right else (30.0, 40.0, 50.0, 55.0)
    words = ("severely reduced", "moderately reduced", "mildly reduced", "borderline")
    for limit, word in zip(limits, words, strict=True):
        if ejection_fraction < limit:
            return word
    return "hyperdynamic" if ejection_fraction > 72 else "normal"


def _sentence_case(text: str) -> str:
    return text[:1].upper() + text[1:]


@dataclass(frozen=True)
class _Writer:
    truth: Truth
    rng: np.random.Generator

    def _say(self, templates: Templates, grade: int = 1) -> str:
        """One of the templates, filled."""
        adverb, adjective = _GRADES[max(grade, 1) - 1]
        values = self._values() | {"grade": adverb, "noun": adjective}
        values |= {
            key.capitalize(): _sentence_case(values[key]) for key in ("grade", "noun", "function", "person", "size")
        }
        return _sentence_case(templates[int(self.rng.integers(len(templates)))].format(**values))

    def _values(self) -> dict[str, str]:
        """Everything a template may mention."""
        truth, heart, area = self.truth, self.truth.heart, self.truth.area
        la, ra = truth.atria
        numbers = {
            "age": truth.study.age, "hr": truth.study.heart_rate, "lvedv": heart.lvedv, "lvesv": heart.lvesv,
            "lvedvi": heart.lvedv / area, "lvef": heart.lvef, "rvedv": heart.rvedv, "rvef": heart.rvef,
            "mass": heart.mass, "massi": heart.mass / area, "wall": truth.max_wall, "rvwall": heart.rv_wall,
            "la": la, "lai": la / area, "ra": ra, "effusion": heart.effusion,
        }  # fmt: skip
        texts = {name: f"{value:.0f}" for name, value in numbers.items()}
        texts["bsa"] = f"{area:.2f}"
        texts["person"] = {"F": "woman", "M": "man"}[truth.patient.sex]
        texts["function"], texts["rvfunction"] = _function(heart.lvef), _function(heart.rvef, right=True)
        texts["size"] = ("small", "moderate", "large")[_grade(heart.effusion, -1, 10, 17) - 1]
        if heart.infarct:
            names = _SEGMENTS[heart.infarct.territory]
            texts["segments"] = names[truth.study.seed[1] % len(names)]
            texts["artery"] = heart.infarct.territory.value
        return texts

    def report(self) -> str:
        """All sections, with headings and line breaks in half of the reports."""
        kind, is_follow_up = self.truth.patient.phenotype.name, self.truth.study.seed[2] > 0
        effusion = phrases.EFFUSION if self.truth.heart.effusion > 0 else phrases.NO_EFFUSION
        enhancement = phrases.ENHANCEMENT.get(kind, phrases.ENHANCEMENT_NONE)
        findings = [*self._left(), *self._right_and_atria(), self._say(effusion), self._say(enhancement)]
        noise = [self._say(phrases.VALVES)] if self.rng.random() < 0.5 else []
        sections = {
            "INDICATION": [self._say(phrases.GREETING), *self._maybe(phrases.INDICATION, 0.4)],
            "TECHNIQUE": self._maybe(phrases.TECHNIQUE, 0.6),
            "FINDINGS": [*findings, *noise],
            "IMPRESSION": [
                self._say(phrases.IMPRESSION[kind]),
                *(self._maybe(phrases.COMPARISON, 0.8) if is_follow_up else []),
                *self._maybe(phrases.CLOSING, 0.3),
            ],
        }
        # Leave out what matters least until the report is short enough.
        for name, needed in (("TECHNIQUE", 0), ("INDICATION", 1), ("IMPRESSION", 1), ("IMPRESSION", 1)):
            if sum(map(len, sections.values())) > _LONGEST and len(sections[name]) > needed:
                sections[name].pop()
        if self.rng.random() < 0.5:
            return "\n".join(f"{name}:\n{' '.join(text)}" for name, text in sections.items() if text)
        return " ".join(chain.from_iterable(sections.values()))

    def _maybe(self, templates: Templates, share: float) -> list[str]:
        return [self._say(templates)] if self.rng.random() < share else []

    def _left(self) -> Iterator[str]:
        """Size, function, walls and motion of the left ventricle."""
        heart, area = self.truth.heart, self.truth.area
        dilation = _grade(heart.lvedv / area, 96, 115, 140)
        small = heart.lvedv / area < 62
        size = phrases.LV_SMALL if small else phrases.LV_NORMAL
        yield self._say(phrases.LV_DILATED if dilation else size, dilation)
        number = self.rng.random() < _EF_AS_NUMBER
        yield self._say(phrases.EF_NUMBER if number else phrases.EF_WORDS)
        wall = phrases.THIN if dilation > 1 else phrases.WALL_NORMAL
        if heart.septal_asymmetry > 0.2:
            wall = phrases.ASYMMETRIC
        elif self.truth.max_wall > 10.5 and heart.mass / area > 78:
            wall = phrases.CONCENTRIC
        yield self._say(wall)
        yield from self._maybe(phrases.MASS, 0.35)
        if heart.infarct:
            yield self._say(phrases.MOTION_REGIONAL)
        else:
            yield self._say(phrases.MOTION_GLOBAL if heart.lvef < 47 else phrases.MOTION_NORMAL)

    def _right_and_atria(self) -> Iterator[str]:
        """Size and function of the right ventricle, its wall and the septum; size of the atria."""
        heart = self.truth.heart
        dilation = _grade(heart.rvedv / self.truth.area, 104, 120, 145)
        yield self._say(phrases.RV_DILATED if dilation else phrases.RV_NORMAL, dilation)
        if heart.rv_wall > 5:
            yield self._say(phrases.RV_WALL)
        if heart.flattening_es > 0.2:
            yield self._say(phrases.SEPTUM_FLAT)
        la, ra = (volume / self.truth.area for volume in self.truth.atria)
        left = _grade(la, 50, 62, 78)
        if left:
            yield self._say(phrases.LA_DILATED, left)
        if ra >= 50:
            yield self._say(phrases.RA_DILATED)
        if not left and ra < 50:
            yield self._say(phrases.ATRIA_NORMAL)
