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


def stack_of(pixels: np.ndarray, **changes: object) -> CineStack:
    n_slices, n_frames = pixels.shape[:2]
    stack = CineStack(
        pixels=pixels,
        n_frames=np.full(n_slices, n_frames, np.int32),
        pixel_spacing=(4.0, 4.0),
        slice_thickness=8.0,
        image_orientation=np.array([1.0, 0, 0, 0, 1, 0]),
        image_position=np.array([[0.0, 0, 10 * index] for index in range(n_slices)]),
        trigger_time=np.tile(INTERVAL * np.arange(n_frames), (n_slices, 1)),
        intensity_window=(0.0, 900.0),
    )
    return replace(stack, **changes)  # type: ignore[arg-type]


def key(number: int) -> str:
    return f"{number:016x}"


def a_study(number: int, views: dict[View, CineStack] | None = None, info: StudyInfo | None = None) -> Study:
    """A study whose content follows from its number."""
    rng = np.random.default_rng(number)
    sound = {view: stack_of(beating(rng, SLICES if view is View.SAX else 1)) for view in View}
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
