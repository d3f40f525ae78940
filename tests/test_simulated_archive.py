"""From a simulated hospital's archives to store, sentences, labels and splits, against the simulation's truth."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from preprocess.cli import main
from preprocess.privacy.keys import SiteKey, default_key_path, load_key
from preprocess.store.manifest import read_manifest
from tests.support.commands import succeed


@pytest.fixture(scope="module", params=[6, pytest.param(40, marks=pytest.mark.slow)], ids=["6 patients", "40 patients"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `raw`, `store` and the tables of every preprocessing command."""
    root = tmp_path_factory.mktemp("site")
    succeed(main, "simulate", "--out", root / "raw", "--patients", request.param, "--seed", 5)
    store, reports = root / "store", root / "raw" / "reports.csv"
    succeed(main, "convert", "--input", root / "raw" / "dicom", "--out", store)
    succeed(main, "reports", "--reports", reports, "--store", store, "--out", root / "sentences.json")
    succeed(main, "labels", "--reports", reports, "--store", store, "--out", root / "labels.csv")
    succeed(main, "splits", "--store", store, "--out", root / "splits.csv", "--fractions", 0.5, 0.2, 0.3)
    return root


def key_of(site: Path) -> SiteKey:
    return load_key(default_key_path(site / "store"))


def table(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def test_every_cine_gets_its_view_and_every_decoy_is_left_out(site: Path) -> None:
    key = key_of(site)
    truth = table(site / "raw" / "truth_series.csv")
    ledger = table(site / "store" / "ledger.csv")
    whole = ledger[ledger["position_mm"] == ""].set_index("series")
    assert set(truth["view"]) == {"4CH", "3CH", "2CH", "SAX", ""}
    for row in truth.to_dict("records"):
        found = whole.loc[key.source(row["series_instance_uid"])]
        wanted = (row["view"], "stored") if row["view"] else ("", "left_out")
        assert (found["view"], found["outcome"]) == wanted
        assert found["reason"]
    assert len(whole) == len(truth)


def test_every_slice_is_stored(site: Path) -> None:
    truth = table(site / "raw" / "truth_series.csv")
    wanted = truth[truth["view"] != ""].astype({"n_slices": int}).groupby("view")["n_slices"].sum().to_dict()
    clips = read_manifest(site / "store")
    assert clips["view"].value_counts().to_dict() == wanted
    assert clips["vendor"].nunique() == 3


def test_labels_from_reports_are_the_truth_rounded(site: Path) -> None:
    key = key_of(site)
    truth = table(site / "raw" / "truth.csv")
    wanted = {
        key.study(row["patient_id"], row["accession"]): float(row["lvef_percent"]) for row in truth.to_dict("records")
    }
    labels = table(site / "labels.csv")
    assert set(labels["study"]) == set(wanted)
    given = labels[labels["lvef_percent"] != ""]
    assert len(given) >= 0.9 * len(labels)
    errors = [
        abs(float(value) - wanted[study]) for study, value in zip(given["study"], given["lvef_percent"], strict=True)
    ]
    assert max(errors) <= 1.0


def test_every_report_is_indexed_and_every_patient_on_one_side(site: Path) -> None:
    studies = set(read_manifest(site / "store")["study"])
    assert set(json.loads((site / "sentences.json").read_text())["studies"]) == studies
    splits = table(site / "splits.csv")
    assert set(splits["study"]) == studies
    assert (splits.groupby("patient")["split"].nunique() == 1).all()


def test_no_identifier_is_written_outside_the_raw_folder(site: Path) -> None:
    import gzip
    import tarfile

    import pydicom

    truth = table(site / "raw" / "truth.csv")
    words = {*truth["patient_id"], *truth["accession"]}
    for archive in sorted((site / "raw" / "dicom").glob("*.tgz"))[:6]:
        with gzip.open(archive) as stream, tarfile.open(fileobj=stream) as tar:
            info = next(member for member in tar if member.isfile())
            header = pydicom.dcmread(tar.extractfile(info), stop_before_pixels=True)
        words |= {str(header.PatientName), str(header.StudyInstanceUID), str(header.InstitutionName)}
    outputs = [path for path in site.rglob("*") if path.is_file() and "raw" not in path.relative_to(site).parts]
    assert len(outputs) > 10
    for path in outputs:
        content = str(path.relative_to(site)).encode() + path.read_bytes()
        assert not [word for word in words if word.encode() in content], path.name
