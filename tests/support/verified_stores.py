"""A small sound store to damage, and what `verify` says of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from preprocess.commands import verify
from preprocess.store.ledger import STORED, Record, Row, write_ledger
from preprocess.store.manifest import build_manifest, write_manifest
from preprocess.store.study import CineStack, Study, StudyInfo
from preprocess.store.study_file import study_path
from preprocess.store.views import View
from preprocess.verification.problem import Check
from preprocess.verification.store_check import Options, StoreCheck, check_store
from tests.support.commands import run_command
from tests.support.stacks import stack_of

KEYS = [(f"{number:016x}", f"{number + 100:016x}") for number in range(1, 4)]
STRANGER = "Doe_Jane_1965"


def oblique_stack(seed: int, slices: int, frames: int = 12, size: int = 32) -> CineStack:
    """A beating disc per slice in a plane of any direction; the first of several slices lacks its last frame."""
    rng = np.random.default_rng(seed)
    axis = np.linspace(-1, 1, size)
    radius = 0.4 + 0.15 * np.sin(np.linspace(0, 2 * np.pi, frames, endpoint=False))
    middle = rng.uniform(-0.2, 0.2, (slices, 2))
    distance = np.hypot(axis[None, :, None] - middle[:, :1, None], axis[None, None, :] - middle[:, 1:, None])
    disc = 150 * (distance[:, None] < radius[None, :, None, None])
    pixels = (disc + 60 * rng.random((slices, 1, size, size)) + rng.integers(0, 20, disc.shape)).astype(np.uint8)
    n_frames = np.full(slices, frames, np.int32)
    if slices > 1:
        n_frames[0] = frames - 1
        pixels[0, -1] = 0
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    return stack_of(
        pixels,
        n_frames=n_frames,
        image_orientation=turn[:2].reshape(-1),
        image_position=rng.uniform(-50, 50, 3) + 10.0 * np.arange(slices)[:, None] * turn[2],
    )


def keyed_study(number: int) -> Study:
    """A study with a short-axis stack and two long axes, under the keys of its number."""
    views = {
        View.SAX: oblique_stack(10 * number, 3),
        View.CH4: oblique_stack(10 * number + 1, 1),
        View.CH2: oblique_stack(10 * number + 2, 1),
    }
    return Study(*KEYS[number], views, StudyInfo("GE", "Optima", 1.5, "F", 61.0))


def write_tables(store: Path) -> None:
    """The manifest and the ledger that fit the files."""
    table = build_manifest(store)
    write_manifest(store, table)
    rows = table.drop_duplicates(["patient", "study", "view"])
    lines = [Row("00", row.patient, row.study, "11", row.view, 1.0, STORED) for row in rows.itertuples()]
    write_ledger(store, [Record("00", rows=tuple(lines))])


def checked(store: Path, workers: int = 0) -> StoreCheck:
    """The check of a store without fingerprints."""
    return check_store(store, Options(workers=workers, with_fingerprints=False))


def problems_in(store: Path) -> list[tuple[Check, str]]:
    """Check and text of each problem that is found."""
    return [(problem.check, problem.problem) for problem in checked(store).problems]


def run_verify(*arguments: object) -> int:
    """The exit code of `verify` in one process."""
    return run_command(verify, *arguments, "--workers", 0)


def path_of(store: Path, number: int = 0) -> Path:
    """The file of a study by its number."""
    return study_path(store, *KEYS[number])


def problems_table(store: Path) -> pd.DataFrame:
    """What `verify` wrote."""
    return pd.read_csv(store / "verification.csv", dtype=str, keep_default_na=False)


def splits_file(path: Path, store: Path, splits: dict[str, str]) -> Path:
    """All studies of the store; patients that are not named train."""
    table = build_manifest(store).drop_duplicates("study")[["patient", "study"]]
    table.assign(split=table["patient"].map(splits).fillna("train")).to_csv(path, index=False)
    return path
