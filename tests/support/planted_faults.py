"""Studies with one planted fault each, and the reasons that quality control must give for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from preprocess.store.study import Study, StudyInfo
from preprocess.store.views import View
from tests.support.synthetic import FRAMES, SLICES, changed

N_STUDIES = 24

Pixels = np.ndarray


def _with_slice(index: int, change: Callable[[Pixels], Pixels]) -> Callable[[Pixels], Pixels]:
    """A change of one slice's cine."""

    def apply(pixels: Pixels) -> Pixels:
        changed_pixels = pixels.copy()
        changed_pixels[index] = change(pixels[index].copy())
        return changed_pixels

    return apply


def _frozen(pixels: Pixels) -> Pixels:
    return np.repeat(pixels[:, :1], pixels.shape[1], axis=1)


def _noisy(sigma: float) -> Callable[[Pixels], Pixels]:
    noise = np.random.default_rng(99)
    return lambda pixels: np.clip(pixels + noise.normal(0, sigma, pixels.shape), 0, 255).astype(np.uint8)


def _twice(cine: Pixels) -> Pixels:
    cine[6] = cine[5]
    return cine


def _dim_frame(cine: Pixels) -> Pixels:
    cine[7] //= 5
    return cine


PIXEL_FAULTS: dict[int, tuple[View, Callable[[Pixels], Pixels]]] = {
    1: (View.SAX, _with_slice(2, np.zeros_like)),
    2: (View.CH4, _frozen),
    3: (View.SAX, _with_slice(3, _twice)),
    5: (View.SAX, _with_slice(3, lambda cine: cine[np.arange(FRAMES) * 5 % FRAMES])),
    6: (View.CH4, lambda pixels: np.clip(pixels.astype(float) * 2.2, 0, 255).astype(np.uint8)),
    8: (View.CH4, lambda pixels: _noisy(6)(_frozen(pixels))),
    9: (View.CH4, _noisy(25)),
    10: (View.CH4, lambda pixels: np.roll(pixels, (18, 18), axis=(2, 3))),
    12: (View.SAX, _with_slice(1, _dim_frame)),
}
FIELD_FAULTS: dict[int, tuple[View, str, Callable[[Any], Any]]] = {
    4: (View.CH2, "pixel_spacing", lambda _: (0.3, 0.3)),
    7: (View.SAX, "image_position", lambda position: position + [[0, 0, 10 * (index > 3)] for index in range(SLICES)]),
    11: (View.CH3, "trigger_time", lambda times: times * 5),
}

EVIL = StudyInfo("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', 1.5, "<i>", 50.0)


def with_fault(number: int, study: Study) -> Study:
    """The study of a number with the fault planted in it, if there is one."""
    if number in PIXEL_FAULTS:
        view, change = PIXEL_FAULTS[number]
        return changed(study, view, pixels=change(study.views[view].pixels))
    if number in FIELD_FAULTS:
        view, name, field_change = FIELD_FAULTS[number]
        return changed(study, view, **{name: field_change(getattr(study.views[view], name))})
    return replace(study, info=EVIL) if number == 20 else study


PLANTED = {
    (1, "SAX", 2, "black or nearly black"),
    (2, "4CH", 0, "nothing moves"),
    (2, "4CH", 0, "repeated frames"),
    (3, "SAX", 3, "repeated frames"),
    (4, "2CH", -1, "implausible pixel spacing"),
    (4, "2CH", -1, "implausible field of view"),
    (4, "2CH", -1, "unusual pixel spacing"),
    (5, "SAX", 3, "frames jump: wrong order, or arrhythmia"),
    (6, "4CH", 0, "clipped at the window's upper end"),
    (7, "SAX", 4, "gap or overlap between slices"),
    (8, "4CH", 0, "nothing moves but noise"),
    (9, "4CH", 0, "unusually noisy"),
    (10, "4CH", 0, "heart not in the centre"),
    (11, "3CH", -1, "implausible heart rate"),
    (12, "SAX", 1, "a frame is dark"),
}
