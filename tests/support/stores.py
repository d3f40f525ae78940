"""Run a conversion and read what came of it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from preprocess.cli import main
from preprocess.store.study import Study
from preprocess.store.study_file import read_hashes, read_study, studies_in
from tests.support.factories import SeriesSpec, pixels


def convert(out: Path, *inputs: Path, code: int = 0, **options: object) -> Path:
    arguments = ["convert", "--out", str(out), "--workers", "0"]
    for path in inputs:
        arguments += ["--input", str(path)]
    for name, value in {"key": out.parent / "site.key", **options}.items():
        arguments += [f"--{name}"] if value is None else [f"--{name}", str(value)]
    assert main(arguments) == code
    return out


def write_labels(store: Path, *source: object, code: int = 0) -> Path:
    """`labels.csv` beside the store, by its site key there."""
    out = store.parent / "labels.csv"
    given = ["labels", *source, "--store", store, "--key", store.parent / "site.key", "--out", out]
    assert main([str(part) for part in given]) == code
    return out


def only_study(store: Path) -> Study:
    (keys,) = studies_in(store)
    return read_study(store, *keys)


def ledger(store: Path) -> pd.DataFrame:
    return pd.read_csv(store / "ledger.csv", dtype=str, keep_default_na=False)


def hashes(store: Path) -> dict[str, str]:
    return {f"{patient}/{study}": read_hashes(store, patient, study)[0] for patient, study in studies_in(store)}


def content_of(store: Path, without: str = "") -> dict[str, str]:
    """SHA-256 of every file, but of those in folders of the name `without`."""
    paths = (path for path in store.rglob("*") if path.is_file() and path.parent.name != without)
    return {str(path.relative_to(store)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def as_stored(spec: SeriesSpec, order: list[int] | None = None) -> np.ndarray:
    """What a series must look like in the store: `[slice, frame, row, col]`."""
    slices = order if order is not None else list(range(spec.n_slices))
    return np.stack(
        [np.stack([pixels(spec.level, index, frame, spec.size) for frame in range(spec.n_frames)]) for index in slices]
    )


def base_to_apex(spec: SeriesSpec) -> list[int]:
    normal = np.cross(spec.orientation[:3], spec.orientation[3:])
    order = list(range(spec.n_slices))
    return order if normal @ np.array([0.7, -0.5, -0.5]) > 0 else order[::-1]


def shuffled(content: dict[str, bytes], seed: int) -> dict[str, bytes]:
    names, data = list(content), list(content.values())
    np.random.default_rng(seed).shuffle(names)  # type: ignore[arg-type]
    return {
        f"{number:05d}.{hash(name) % 97}": blob for number, (name, blob) in enumerate(zip(names, data, strict=True))
    }
