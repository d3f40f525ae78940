"""Files for a training benchmark: studies of 13 cines of 30 × 256 × 256, reports of BERT tokens, and a BERT's sizes.

Few studies are distinct; the others are further names of the same files, so that a long epoch needs little disk. All
of them lie in the page cache after a while: what is measured is opening, decompressing and collating, not the disk.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from preprocess.labels.splits import write_splits
from preprocess.reports.index import SentenceIndex, write_sentences
from preprocess.reports.tokenizer import load_tokenizer
from preprocess.store.manifest import build_manifest, write_manifest
from preprocess.store.study import CineStack, Study
from preprocess.store.study_file import write_study
from preprocess.store.views import View

__all__ = ["Files", "Sizes", "make_files"]


@dataclass(frozen=True)
class Sizes:
    """How large everything is.

    Attributes:
        studies: names in the store.
        distinct: different files among them.
        slices: of the short-axis stack; three long-axis cines come on top.
        frames: of a cine.
        matrix: rows and columns of a cine.
        words: of the vocabulary.
        bert: sizes of the text encoder, keys of its `config.json`.
    """

    studies: int
    distinct: int
    slices: int
    frames: int
    matrix: int
    words: int
    bert: dict[str, int]


@dataclass(frozen=True)
class Files:
    """Where they lie."""

    store: Path
    sentences: Path
    splits: Path
    text_model: Path


def make_files(root: Path, sizes: Sizes) -> Files:
    """Write everything below an empty folder."""
    keys = [(f"{number:016x}", f"{number + 2**32:016x}") for number in range(sizes.studies)]
    store = root / "store"
    for number, (patient, study) in enumerate(keys):
        _add_study(store, keys, number, patient, study, sizes)
    write_manifest(store, build_manifest(store))
    text_model = _text_model(root / "bert", sizes)
    _reports(root / "sentences.json", [study for _, study in keys], text_model, sizes)
    write_splits(root / "splits.csv", ((*key, "train") for key in keys), overwrite=False)
    return Files(store, root / "sentences.json", root / "splits.csv", text_model)


def _add_study(store: Path, keys: list[tuple[str, str]], number: int, patient: str, study: str, sizes: Sizes) -> None:
    if number >= sizes.distinct:
        source, name = keys[number % sizes.distinct]
        path = store / patient / f"{study}.h5"
        path.parent.mkdir(parents=True)
        os.link(store / source / f"{name}.h5", path)
        return
    rng = np.random.default_rng(number)
    counts = {View.CH4: 1, View.CH3: 1, View.CH2: 1, View.SAX: sizes.slices}
    views = {view: _stack(_beating_discs(rng, count, sizes)) for view, count in counts.items()}
    write_study(store, Study(patient, study, views))


def _beating_discs(rng: np.random.Generator, slices: int, sizes: Sizes) -> npt.NDArray[np.uint8]:
    """Noise over a moving disc: `[slices, frames, rows, columns]`; compresses about as little as real cines do."""
    axis = np.linspace(-1, 1, sizes.matrix, dtype=np.float32)
    distance = np.hypot(axis[:, None], axis[None, :])
    radius = 0.4 + 0.1 * np.sin(np.linspace(0, 2 * np.pi, sizes.frames, dtype=np.float32))
    disc = 150 * (distance < radius[:, None, None])
    noise = rng.integers(0, 32, (slices, *disc.shape), dtype=np.uint8)
    return (disc[None] + noise).astype(np.uint8)


def _stack(pixels: npt.NDArray[np.uint8]) -> CineStack:
    slices, frames = pixels.shape[:2]
    return CineStack(
        pixels=pixels,
        n_frames=np.full(slices, frames, np.int32),
        pixel_spacing=(1.4, 1.4),
        slice_thickness=8.0,
        image_orientation=np.array([1.0, 0, 0, 0, 1, 0]),
        image_position=np.column_stack([np.zeros((slices, 2)), 10.0 * np.arange(slices)]),
        trigger_time=np.tile(np.arange(frames) * 30.0, (slices, 1)),
        intensity_window=(0.0, 255.0),
    )


def _text_model(folder: Path, sizes: Sizes) -> Path:
    """`config.json` and `vocab.txt`: a BERT of these sizes is built with random weights."""
    folder.mkdir()
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words += [f"w{number}" for number in range(sizes.words - len(words))]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    config = {"model_type": "bert", "architectures": ["BertModel"], "vocab_size": sizes.words, **sizes.bert}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def _reports(path: Path, studies: list[str], text_model: Path, sizes: Sizes) -> None:
    """Ten sentences of about 20 tokens per study: five make a hundred tokens, as in the paper's reports."""
    tokenizer = load_tokenizer(str(text_model))
    rng = np.random.default_rng(0)
    texts = rng.integers(5, sizes.words, (len(studies), 10, 20)).tolist()
    sentences = dict(zip(studies, texts, strict=True))
    index = SentenceIndex(str(text_model), tokenizer.sha256, tokenizer.cls_id, tokenizer.sep_id, "synthetic", sentences)
    write_sentences(path, index)
