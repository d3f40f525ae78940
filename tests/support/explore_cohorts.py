"""Small cohorts made on the spot: beating hearts in a study store, and embeddings that know their classes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cmr_clip.commands import umap
from preprocess.store.study import CineStack, Study, StudyInfo
from preprocess.store.study_file import write_study
from preprocess.store.views import View
from tests.support.commands import run_command
from tests.support.stacks import stack_of

PHENOTYPES = ("normal", "dilated", "hypertrophic", "amyloid")
VENDORS = ("SIEMENS", "GE", "PHILIPS")
SPACING = 1.5


@dataclass(frozen=True)
class Files:
    """Where a cohort lies."""

    store: Path
    embeddings: Path
    labels: Path


def run_umap(*arguments: object) -> int:
    return run_command(umap, *arguments)


def key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def beating(n_frames: int, shape: tuple[int, int], radius: float, lvef: float, seed: int) -> np.ndarray:
    """A bright pool in a dark wall that contracts once, in a grey body; uint8 `[frame, row, col]`."""
    rng = np.random.default_rng(seed)
    rows, cols = np.indices(shape)
    distance = np.hypot(rows - shape[0] * 0.48, cols - shape[1] * 0.52)
    body = np.hypot((rows - shape[0] / 2) / shape[0], (cols - shape[1] / 2) / shape[1]) < 0.48
    frames = []
    for frame in range(n_frames):
        inner = radius * (1 - lvef / 170 * np.sin(np.pi * frame / n_frames) ** 2)
        outer = np.sqrt(inner**2 + 0.7 * radius**2)
        image = np.where(body, 70.0, 4.0)
        image = np.where(distance < outer, 35, image)
        image = np.where(distance < inner, 190, image)
        frames.append(image + rng.normal(0, 5, shape))
    return np.clip(np.stack(frames), 0, 255).astype(np.uint8)


def hearts(n_slices: int, n_frames: int, shape: tuple[int, int], lvef: float, seed: int) -> CineStack:
    """Beating hearts, smaller from slice to slice."""
    radii = [shape[0] * (0.2 - 0.015 * index) for index in range(n_slices)]
    pixels = [beating(n_frames, shape, radius, lvef, seed + index) for index, radius in enumerate(radii)]
    return stack_of(np.stack(pixels), spacing_mm=SPACING, interval_ms=0.0)


def make_cohort(
    folder: Path,
    n: int,
    *,
    seed: int = 0,
    dim: int = 32,
    shape: tuple[int, int] = (72, 64),
    slices: int = 2,
    noise: float = 0.35,
) -> Files:
    """A store of `n` studies with a short-axis stack and two long axes, its manifest, embeddings and labels."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(0, 1, (len(PHENOTYPES), dim))
    views = rng.normal(0, 0.5, (len(View), dim))
    manifest, rows, labels, vectors = [], [], [], []
    for index in range(n):
        study, patient = key(f"study{seed}/{index}"), key(f"patient{seed}/{index}")
        kind, lvef = index % len(PHENOTYPES), float(rng.uniform(20, 70))
        info = StudyInfo(VENDORS[index % 3], "Phantom 1", 1.5 if index % 2 else 3.0, "FM"[index % 2], 30.0 + index)
        stacks = {
            View.CH4: hearts(1, 15, shape, lvef, index),
            View.CH2: hearts(1, 15, shape, lvef, index),
            View.SAX: hearts(slices, 15, shape, lvef, index),
        }
        write_study(folder / "store", Study(patient, study, stacks, info))
        labels.append({"study": study, "phenotype": PHENOTYPES[kind], "lvef_percent": round(lvef, 1)})
        for view, stack in stacks.items():
            for i in range(len(stack.pixels)):
                at = {"study": study, "patient": patient, "view": view.value, "slice": i}
                rows.append(at)
                vectors.append(centres[kind] + views[list(View).index(view)] + rng.normal(0, noise, dim))
                manifest.append(
                    at
                    | {"n_frames": 15, "rows": shape[0], "cols": shape[1], "row_spacing_mm": SPACING}
                    | {"col_spacing_mm": SPACING, "slice_thickness_mm": 8.0, "vendor": info.vendor}
                    | {"model": info.model, "field_strength_t": info.field_strength, "sex": info.sex}
                    | {"age_years": info.age, "pixel_sha256": "0" * 64}
                )
    pd.DataFrame(manifest).to_parquet(folder / "store" / "clips.parquet", index=False)
    return _write_tables(folder, rows, np.stack(vectors), labels)


def _write_tables(folder: Path, rows: list[dict[str, object]], vectors: np.ndarray, labels: list) -> Files:
    unit = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    features = pd.DataFrame(unit, columns=[f"e{i}" for i in range(unit.shape[1])])
    files = Files(folder / "store", folder / "embeddings.parquet", folder / "labels.csv")
    pd.concat([pd.DataFrame(rows), features], axis=1).to_parquet(files.embeddings, index=False)
    pd.DataFrame(labels).to_csv(files.labels, index=False)
    return files
