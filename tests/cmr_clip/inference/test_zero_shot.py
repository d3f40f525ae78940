"""Findings in words: probes while training, and the command."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import torch

from cmr_clip.cli import main
from cmr_clip.data.probes import probe_truth, read_probes
from cmr_clip.errors import CmrClipError
from cmr_clip.inference.zero_shot import study_means
from cmr_clip.metrics.zero_shot import prompt_direction, zero_shot_aurocs
from tests.support.cohort import Cohort
from tests.support.paths import CONFIGS
from tests.support.runs import of_kind, options

PROBES = """
large:
  column: dilated
  prompts: [the left ventricle is dilated., the ejection fraction is low., severe dysfunction.]
  against: [the left ventricle is small., the ejection fraction is high., no dilation.]
"""


@pytest.fixture
def probes(tmp_path: Path) -> Path:
    path = tmp_path / "probes.yaml"
    path.write_text(PROBES)
    return path


def test_aurocs_follow_ranks_and_leave_out_unknown_studies() -> None:
    scores = torch.tensor([[0.1, 3.0], [0.2, 2.0], [0.3, 1.0], [0.9, 0.0]])
    truth = torch.tensor([[0.0, 0.0], [1.0, float("nan")], [0.0, 1.0], [1.0, 0.0]])
    assert zero_shot_aurocs(scores, truth) == [0.75, 0.5]
    assert zero_shot_aurocs(scores[:, :1], torch.ones(4, 1))[0] != zero_shot_aurocs(scores, truth)[0]


def test_a_direction_separates_sentences_for_from_sentences_against() -> None:
    towards, away = torch.eye(4)[:2], torch.eye(4)[2:]
    direction = prompt_direction(towards, away)
    assert (towards @ direction > 0).all()
    assert (away @ direction < 0).all()


def test_truth_is_one_zero_or_unknown(probes: Path) -> None:
    labels = pd.DataFrame({"dilated": [1.0, 0.0, float("nan")]}, index=["a", "b", "c"])
    truth = probe_truth(labels, read_probes(probes))["large"]
    assert truth.tolist()[:2] == [1.0, 0.0]
    assert pd.isna(truth["c"])
    words = read_probes(probes)[0]._replace(column="phenotype", equals="dcm")
    phenotypes = pd.DataFrame({"phenotype": ["dcm", "normal", None]}, index=["a", "b", "c"])
    assert probe_truth(phenotypes, [words])["large"].tolist()[:2] == [1.0, 0.0]
    assert probe_truth(phenotypes, [words])["large"].isna().tolist() == [False, False, True]


@pytest.mark.parametrize("text", ["", "a: [1]", "a: {prompts: [x]}", "a: {prompts: [], against: [x]}", "a: {other: 1}"])
def test_what_is_no_probe_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(CmrClipError, match=r"bad\.yaml"):
        read_probes(path)


def test_every_shipped_probe_file_is_valid() -> None:
    files = sorted((CONFIGS / "probes").glob("*.yaml"))
    assert files
    for path in files:
        assert read_probes(path)


def test_a_study_is_the_mean_of_its_clips() -> None:
    keys = pd.DataFrame({"study": ["b", "a", "b"], "patient": ["p", "q", "p"], "view": "SAX", "slice": [0, 0, 1]})
    vectors = torch.eye(3).numpy()
    table, means = study_means(keys, vectors)
    assert table["study"].tolist() == ["a", "b"]
    assert table["patient"].tolist() == ["q", "p"]
    assert means[1].tolist() == pytest.approx([0.5**0.5, 0, 0.5**0.5])


def test_probes_run_while_validating_and_as_a_command(cohort: Cohort, probes: Path, tmp_path: Path) -> None:
    path = CONFIGS / "demo" / "pretrain.yaml"
    more = {
        **of_kind(path, cohort),
        "data.init_args.labels": cohort.labels,
        "data.init_args.probes": probes,
        "trainer.max_epochs": 10,
        "trainer.check_val_every_n_epoch": 10,
        "model.init_args.lr_scheduler.init_args.total_epochs": 10,
    }
    arguments = ["--config", str(path), *options(cohort, tmp_path / "run", **more)]
    assert main(["fit", *arguments]) == 0
    history = pd.read_csv(tmp_path / "run" / "metrics.csv")
    assert {"val/zero_shot/large", "val/zero_shot/mean", "train/truncated_tokens"} <= set(history.columns)
    checkpoint = str(tmp_path / "run" / "checkpoints" / "last.ckpt")
    embeddings, out = str(tmp_path / "e.parquet"), tmp_path / "zero_shot.csv"
    assert main(["embed", "--checkpoint", checkpoint, "--store", str(cohort.store), "--out", embeddings]) == 0
    command = ["zero-shot", "--checkpoint", checkpoint, "--embeddings", embeddings, "--probes", str(probes)]
    assert main([*command, "--labels", str(cohort.labels), "--out", str(out)]) == 0
    table = pd.read_csv(out, dtype={"study": str, "patient": str})
    assert sorted(table["study"]) == sorted(cohort.studies)
    one, zero = (table.loc[table["truth"] == value, "score"] for value in (1, 0))
    assert one.mean() > zero.mean()  # trained on these very reports
