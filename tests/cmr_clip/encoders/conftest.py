"""The encoder that tests add: registered, and trained for one step."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cmr_clip.cli import main
from cmr_clip.encoders.registry import registered
from tests.support.cohort import TOKENIZER, Cohort
from tests.support.tiny_encoder import TinyConv, foreign_file, tiny_recipe


@pytest.fixture
def tiny_is_known() -> Iterator[None]:
    """The encoder is registered during the test."""
    with registered(TinyConv):
        yield


@pytest.fixture(scope="session")
def tiny_checkpoint(cohort: Cohort, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of one step of contrastive pretraining, started from the other project's weights."""
    root = tmp_path_factory.mktemp("tiny")
    text = {"class_path": "cmr_clip.encoders.bert.BertTextEncoder"}
    text["init_args"] = {"source": TOKENIZER, "frozen_layers": 5, "random_weights": True}
    model = {"text_encoder": text, "embed_dim": 16, "kinetics_weights": str(foreign_file(root / "tiny.pth"))}
    data = {"sentences": str(cohort.sentences), "batch_size": 5}
    path = tiny_recipe(
        root / "pretrain.yaml",
        "contrastive.ContrastivePretraining",
        model,
        "contrastive_module.ContrastiveDataModule",
        {**data, "store": str(cohort.store), "splits": str(cohort.splits)},
    )
    with registered(TinyConv):
        assert main(["fit", "--config", str(path)]) == 0
    return root / "pretrain" / "checkpoints" / "last.ckpt"
