"""The workflows of reports, labels and splits as functions: what they return is what they wrote."""

from __future__ import annotations

import pandas as pd
import pytest

from preprocess.errors import PreprocessError
from preprocess.labels.assign import assign_splits
from preprocess.labels.labelling import write_labels
from preprocess.labels.readings import report_labels
from preprocess.labels.splits import SPLITS, patient_splits, read_splits, studies_of_split, study_splits, with_studies
from preprocess.labels.table import read_label, read_labels, write_label_table
from preprocess.reports.accounts import RowOutcome, account_summary
from preprocess.reports.index import read_sentences
from preprocess.reports.language.registry import DEFAULT_LANGUAGE
from preprocess.reports.matching import IdColumns, ReportTable
from preprocess.reports.splitting import RuleSplitter
from preprocess.reports.tokenise import index_reports
from preprocess.reports.tokenizer import load_tokenizer


@pytest.fixture
def reports(site, write_table) -> ReportTable:
    """Two studies with a report, one without."""
    for accession in ("01", "02", "03"):
        site.add("001", accession)
    rows = (("001", "01", "No scar. LVEF 34 %."), ("001", "02", "No scar."), ("9", "9", "Strange."))
    path = write_table("r.csv", ["patient_id", "accession", "report"], *rows)
    return ReportTable.read(path, IdColumns(), "report")


def test_indexing_returns_what_it_wrote(reports, site, vocab_folder, tmp_path) -> None:
    seen = []

    def track(items):
        seen.extend(items)
        return items

    out = tmp_path / "s.json"
    indexed = index_reports(
        reports,
        site.store,
        out,
        key=site.key,
        tokenizer=load_tokenizer(str(vocab_folder)),
        splitter=RuleSplitter(),
        track=track,
    )
    index = read_sentences(out)
    assert (indexed.n_studies, indexed.n_indexed, indexed.n_sentences) == (3, 2, 3)
    assert sorted(map(len, index.studies.values())) == [1, 2]
    assert [report.study for report in seen] == list(index.studies)
    outcomes = [account.outcome for account in indexed.accounts]
    assert outcomes == [RowOutcome.KEPT, RowOutcome.KEPT, RowOutcome.LEFT_OUT, RowOutcome.ABSENT]
    assert account_summary(indexed.accounts) == [
        "absent (no row in the table): 1",
        "left out (study not in the store): 1",
    ]
    assert len(indexed.ledger.read_text().splitlines()) == 1 + len(indexed.accounts)


def test_labelling_returns_what_it_wrote_and_can_refuse_to_replace(reports, site, tmp_path) -> None:
    out = tmp_path / "labels.csv"
    table = report_labels(reports, DEFAULT_LANGUAGE)
    labels = write_labels(table, site.store, out, key=site.key, overwrite=False)
    assert (labels.n_studies, labels.n_known) == (3, {"lvef_percent": 1})
    assert read_labels(out)["lvef_percent"].dropna().tolist() == [34.0]
    assert write_labels(table, site.store, out, key=site.key, overwrite=False) == labels  # the same again
    before = out.read_bytes()
    with pytest.raises(PreprocessError, match="other labels"):
        write_label_table(out, ("hcm",), [("0" * 16, ("1",))], overwrite=False)
    assert out.read_bytes() == before
    with pytest.raises(PreprocessError, match="no column hcm"):
        read_label(out, "hcm")


def test_assigning_returns_what_it_wrote(site, tmp_path) -> None:
    studies = [site.add(f"00{patient}", "01") for patient in range(10)]
    out = tmp_path / "splits.csv"
    labels = pd.Series(dict.fromkeys(studies[:7], 1.0))
    splits = assign_splits(site.store, out, fractions=(0.6, 0.2, 0.2), seed=7, labels=labels)
    assert splits.n_patients == splits.n_studies == {"train": 6, "val": 2, "test": 2}
    assert (splits.n_without_label, splits.n_kept, splits.n_gone, splits.has_changed) == (3, 0, 0, True)
    table = read_splits(out)
    assert {split: len(studies_of_split(table, split)) for split in SPLITS} == splits.n_studies
    again = assign_splits(site.store, out, fractions=(0.6, 0.2, 0.2), seed=8, extend=out)
    assert (again.n_kept, again.has_changed) == (10, False)
    assert set(study_splits(table)) == set(studies)
    assert study_splits(with_studies(table, studies[:2])).keys() == set(studies[:2])
    assert len(patient_splits(table)) == 10
