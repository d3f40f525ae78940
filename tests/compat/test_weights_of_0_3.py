"""Checkpoints and exports of version 0.3 give the same numbers, bit by bit.

Files: tests/support/make_files_of_0_3.py.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from cmr_clip import from_pretrained, load_contrastive, load_pretrained, load_study_model
from cmr_clip.cli import main
from tests.support.commands import succeed

pytestmark = pytest.mark.slow

PRETRAINED = ["pretrain/checkpoints/last.ckpt", "pair"]
FINETUNED = ["heads/checkpoints/last.ckpt", "study"]


def same(ours: Tensor, theirs: Tensor) -> bool:
    return torch.equal(ours.detach().flatten(), theirs.flatten())


@torch.no_grad()
def assert_same_video(model: torch.nn.Module, expected: dict, name: str) -> None:
    assert same(model.features(expected["clips"]), expected[name]["features"])
    assert same(model(expected["clips"]), expected[name]["embeddings"])


@torch.no_grad()
def assert_same_study(path: Path, expected: dict) -> None:
    model, _ = load_study_model(path)
    results = model.results(expected["clips"])
    assert list(results) == list(expected["study"]) == ["finding", "lvef_percent"]
    for target, theirs in expected["study"].items():
        for name, value in theirs.items():
            assert same(getattr(results[target], name), value), (target, name)
        chosen, _ = load_study_model(path, target=target)
        assert same(chosen(expected["clips"]).score, theirs["score"])


@torch.no_grad()
def assert_same_pair(path: Path, expected: dict) -> None:
    pair = load_contrastive(path)
    assert same(pair.model(expected["clips"]), expected["pair"]["video"])
    assert same(pair.model.embed_text(expected["tokens"], expected["mask"]), expected["pair"]["text"])


@pytest.mark.parametrize("path", [*PRETRAINED, *FINETUNED])
def test_a_video_encoder(path: str, old: Path, expected: dict) -> None:
    model, receipt = load_pretrained(old / path)
    assert not receipt.missing
    assert_same_video(model, expected, "pretrain" if path in PRETRAINED else "heads")


@pytest.mark.parametrize("path", PRETRAINED)
def test_both_towers(path: str, old: Path, expected: dict) -> None:
    assert_same_pair(old / path, expected)


@pytest.mark.parametrize("path", FINETUNED)
def test_a_model_with_its_heads(path: str, old: Path, expected: dict) -> None:
    assert_same_study(old / path, expected)


@pytest.mark.parametrize(("folder", "name"), [("pair", "pretrain"), ("study", "heads")])
def test_an_exported_folder(folder: str, name: str, old: Path, expected: dict) -> None:
    assert_same_video(from_pretrained(old / folder), expected, name)


@pytest.mark.parametrize("path", [*PRETRAINED, *FINETUNED])
def test_exporting_again(path: str, old: Path, expected: dict, tmp_path: Path) -> None:
    succeed(main, "export", "--checkpoint", old / path, "--out", tmp_path / "out")
    exported = "pair" if path in PRETRAINED else "study"
    ours, theirs = (load_file(folder / "model.safetensors") for folder in (tmp_path / "out", old / exported))
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    (assert_same_pair if path in PRETRAINED else assert_same_study)(tmp_path / "out", expected)


@pytest.mark.parametrize("path", PRETRAINED)
@pytest.mark.parametrize("bits", [8, 16])
def test_the_embeddings_of_a_store(path: str, bits: int, old: Path, expected: dict, tmp_path: Path) -> None:
    out = tmp_path / "embeddings.parquet"
    succeed(main, "embed", "--checkpoint", old / path, "--store", old / f"store_{bits}", "--out", out)
    theirs = pd.read_parquet(old / f"embeddings_{bits}.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(out), theirs, check_exact=True)


def test_scores_of_sentences_from_the_embeddings(old: Path, expected: dict, tmp_path: Path) -> None:
    tables = ["--embeddings", old / "embeddings_8.parquet", "--labels", old / "labels.csv"]
    probes = ["--probes", old / "probes.yaml", "--out", tmp_path / "scores.csv"]
    succeed(main, "zero-shot", "--checkpoint", old / PRETRAINED[0], *tables, *probes)
    assert (tmp_path / "scores.csv").read_bytes() == (old / "zero_shot.csv").read_bytes()
