"""Small stores of beating discs, written without DICOM: what is in them is known to the pixel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from preprocess.store.ledger import Record, Row, write_ledger
from preprocess.store.manifest import build_manifest, write_manifest
from preprocess.store.study import CineStack, Study, StudyInfo
from preprocess.store.study_file import write_study
from preprocess.store.views import View
from tests.support.stacks import stack_of

SIDE, FRAMES, SLICES = 72, 14, 6
INTERVAL = 60.0


def beating(rng: np.random.Generator, n_slices: int) -> np.ndarray:
    """Discs that beat in a grey body, with noise: uint8 `[slice, frame, row, col]`."""
    rows, cols = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    distance = np.hypot(rows + rng.uniform(-3, 3), cols + rng.uniform(-3, 3))
    cines = []
    for _ in range(n_slices):
        radii = 12 + 4 * np.cos(2 * np.pi * np.arange(FRAMES) / FRAMES)
        discs = np.clip(radii[:, None, None] - distance + 0.5, 0, 1)
        body = 70 * (np.hypot(rows, cols) < 32)
        cines.append(body + 120 * discs + rng.normal(0, 4, (FRAMES, SIDE, SIDE)))
    return np.clip(np.stack(cines), 0, 255).astype(np.uint8)


def scanned(pixels: np.ndarray) -> CineStack:
    """The stack of a scan of these pixels."""
    return stack_of(pixels, spacing_mm=4.0, interval_ms=INTERVAL, intensity_window=(0.0, 900.0))


def key(number: int) -> str:
    return f"{number:016x}"


def a_study(number: int, views: dict[View, CineStack] | None = None, info: StudyInfo | None = None) -> Study:
    """A study whose content follows from its number."""
    rng = np.random.default_rng(number)
    sound = {view: scanned(beating(rng, SLICES if view is View.SAX else 1)) for view in View}
    info = info or StudyInfo(("SIEMENS", "GE")[number % 2], "Aera", 1.5, "FM"[number % 2], 40.0 + number)
    return Study(key(0xA0000 + number), key(0xB0000 + number), {**sound, **(views or {})}, info)


def write_store(
    store: Path,
    n_studies: int,
    change: Callable[[int, Study], Study] = lambda _, study: study,
    rows: tuple[Row, ...] = (),
) -> Path:
    """A store with manifest and ledger; `change` may replace the study of a number."""
    for number in range(n_studies):
        write_study(store, change(number, a_study(number)))
    write_manifest(store, build_manifest(store))
    write_ledger(store, [Record(row.source, rows=(row,)) for row in rows])
    return store


def changed(study: Study, view: View, **changes: object) -> Study:
    """The study with some fields of a view replaced."""
    return replace(study, views={**study.views, view: replace(study.views[view], **changes)})  # type: ignore[arg-type]


def grey_study() -> Study:
    """A study whose frames are plain grey: 5 for each frame and 16 for each slice, from 40 on."""
    views = {}
    for view, n_slices in ((View.CH4, 1), (View.SAX, 5)):
        level = 40 + 16 * np.arange(n_slices)[:, None] + 5 * np.arange(FRAMES)[None, :]
        pixels = np.broadcast_to(level[:, :, None, None], (n_slices, FRAMES, 30, 40)).astype(np.uint8)
        views[view] = scanned(np.ascontiguousarray(pixels))
    return Study(key(7), key(8), views)


def grey_level(index: int, frame: int) -> int:
    """What `grey_study` has in a slice's frame."""
    return 40 + 16 * index + 5 * frame
