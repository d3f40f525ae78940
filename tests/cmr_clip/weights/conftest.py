"""Files of weights of several origins, and a tokenizer in somebody's home."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.support.weights import (
    EXTRAS,
    authors_state,
    kinetics_state,
    save,
)

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "dilated", "ventricle", "##s", "normal"]


@pytest.fixture
def vocabulary(tmp_path: Path) -> Path:
    """A tokenizer in somebody's home, whose settings name places."""
    folder = tmp_path / "home" / "doctor" / "our-bert"
    folder.mkdir(parents=True)
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": True, "name_or_path": str(folder)}))
    return folder


@pytest.fixture(scope="session")
def authors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authors' contrastive checkpoint of a full mViT-B for small clips, with what else theirs holds."""
    path = tmp_path_factory.mktemp("authors") / "contrastive.ckpt"
    hyper = {"frames": 16, "pos_weight": np.float64(2.5), "target": None, "wd": np.int64(1)}
    return save(path, authors_state() | EXTRAS | {"surprise": torch.zeros(1)}, hyper_parameters=hyper)


@pytest.fixture(scope="session")
def kinetics(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("kinetics") / "MVIT_B.pyth"
    torch.save({"model_state": kinetics_state()}, path)
    return path
