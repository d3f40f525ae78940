"""Sentences to token sequences, and samples that depend on nothing but their draw."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch

from cmr_clip.clips.reader import ClipReader
from cmr_clip.data.datasets import PairDataset, collate_pairs
from cmr_clip.data.reports import ReportAssembler
from cmr_clip.data.samplers import Draw
from preprocess.reports.index import SentenceIndex, read_sentences
from preprocess.store.manifest import read_manifest
from tests.support.cohort import Cohort

INDEX = SentenceIndex("t", "s", 101, 102, "rules-1", {"a": [[i] * 3 for i in range(1, 9)], "b": [[5, 6]]})


def test_five_sentences_in_report_order_between_cls_and_sep() -> None:
    assembler = ReportAssembler(INDEX, 5, 64)
    drawn = set()
    for seed in range(50):
        ids, truncated = assembler.draw("a", np.random.default_rng(seed))
        assert (ids[0], ids[-1], truncated, len(ids)) == (101, 102, 0, 17)
        firsts = ids[1:-1:3]
        assert firsts == sorted(set(firsts))
        drawn.update(firsts)
    assert drawn == set(range(1, 9))
    assert assembler.draw("b", np.random.default_rng(0)).ids == [101, 5, 6, 102]


def test_truncation_is_counted_and_keeps_sep() -> None:
    ids, truncated = ReportAssembler(INDEX, 5, 10).whole("a")
    assert (len(ids), ids[-1], truncated) == (10, 102, 16)


def test_equal_reports_have_equal_numbers(cohort: Cohort) -> None:
    assembler = ReportAssembler(read_sentences(cohort.sentences), 5, 64)
    numbers = [assembler.report_id(study) for study in cohort.studies]
    assert len(set(numbers)) == 2
    assert numbers[0] == numbers[2] != numbers[1]


def test_a_sample_depends_on_its_draw_alone(cohort: Cohort) -> None:
    manifest: pd.DataFrame = read_manifest(cohort.store)
    reports = ReportAssembler(read_sentences(cohort.sentences), 2, 64)
    datasets = [PairDataset(manifest, ClipReader(cohort.store, 4), reports) for _ in range(2)]
    datasets[0][Draw(3, 5)]
    one, other = (collate_pairs([dataset[Draw(2, 11)]]) for dataset in datasets)
    torch.testing.assert_close(one["raw"].frames, other["raw"].frames)
    torch.testing.assert_close(one["tokens"], other["tokens"])
    views = {datasets[0][Draw(2, seed)].clip.frames.sum().item() for seed in range(20)}
    assert len(views) > 1
