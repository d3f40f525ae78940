"""Names of legacy files and folders reach the crosswalk and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import pandas as pd
import pytest

from preprocess.store.ledger import read_records
from tests.support.legacy_files import add, run_import, stack, study_file
from tests.support.stores import only_study


def test_no_name_leaves_the_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = study_file(tmp_path / "in", "A rgb", patient="penn_SECRETMRN", study="SECRETACC")
    add(path, "SECRET_DOE_JANE", stack((20,)))
    add(path, "SAX_SECRET_DOE", stack((11,)), slice_frames=(50,))
    store = run_import(tmp_path / "store", tmp_path / "in")
    printed = "".join(capsys.readouterr())
    written = b"".join(file.read_bytes() for file in store.rglob("*") if file.is_file())
    assert b"SECRET" not in written.upper()
    assert "SECRET" not in printed.upper()
    assert "SECRET" not in "".join(str(file.relative_to(store)) for file in store.rglob("*")).upper()
    study = only_study(store)
    with h5py.File(store / study.patient / f"{study.study}.h5") as file:
        text = str(dict(file.attrs)) + "".join(str(dict(file[name].attrs)) for name in file)
    assert "SECRET" not in text.upper()


def test_the_crosswalk_and_only_it_names_the_patient(tmp_path: Path) -> None:
    study_file(tmp_path / "in")
    store = run_import(tmp_path / "store", tmp_path / "in", crosswalk=tmp_path / "crosswalk.csv")
    table = pd.read_csv(tmp_path / "crosswalk.csv", dtype=str).set_index("kind")
    study = only_study(store)
    assert table.loc["patient", ["hash", "identifier"]].tolist() == [study.patient, "penn_m1"]
    assert table.loc["study", ["hash", "identifier"]].tolist() == [study.study, "acc1"]
    rows = [json.dumps(record.rows, default=str) for record in read_records(store)]
    assert rows and not any("acc1" in text for text in rows)
