"""The paper's master table becomes labels and splits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from preprocess.errors import PreprocessError
from preprocess.labels.splits import read_splits
from preprocess.labels.table import read_labels
from preprocess.privacy.keys import load_key
from preprocess.store.study_file import studies_in
from tests.support.legacy_files import add, run_import, stack

MASTER = """parent_folder,accession,split,view,institution,Amyloid,PureNormal,lvef,code
penn_m1,acc1.h5,train,4CH,penn,1.0,0,55.5,77
penn_m1,acc2.h5,train,,penn,,1,40,78
penn_m2,acc3.h5,test,,penn,nan,0,33,79
penn_m9,acc9.h5,val,,penn,1,1,60,80
"""


def three_studies(root: Path) -> Path:
    for patient, study in (("penn_m1", "acc1"), ("penn_m1", "acc2"), ("penn_m2", "acc3")):
        add(root / patient / f"{study}.h5", "4CH", stack((12,)), "B")
    add(root / "penn_m3" / "acc4.h5", "4CH", stack((12,)), "B")
    return root


def test_the_master_table_becomes_labels_and_splits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "master.csv").write_text(MASTER)
    store = run_import(tmp_path / "store", three_studies(tmp_path / "in"), master=tmp_path / "master.csv")
    key = load_key(tmp_path / "site.key")
    name = {study: key.study(patient, study) for patient, study in (("penn_m1", "acc1"), ("penn_m1", "acc2"))}
    name |= {"acc3": key.study("penn_m2", "acc3"), "acc4": key.study("penn_m3", "acc4")}
    labels = read_labels(tmp_path / "labels.csv")
    assert labels.columns.tolist() == ["Amyloid", "PureNormal"]  # `code` may be anything: only 0 and 1 go by themselves
    assert set(labels.index) == set(name.values()) == {study for _, study in studies_in(store)}
    assert labels.loc[name["acc1"]].tolist() == [1.0, 0.0]
    assert np.isnan(labels.loc[name["acc3"], "Amyloid"])
    assert labels.loc[name["acc4"]].isna().all()
    splits = read_splits(tmp_path / "splits.csv").set_index("study")
    assert splits["split"].to_dict() == {name["acc1"]: "train", name["acc2"]: "train", name["acc3"]: "test"}
    assert splits.loc[name["acc3"], "patient"] == key.patient("penn_m2")
    printed = capsys.readouterr().out
    assert "not taken as targets: lvef, code" in printed
    assert "penn_m" not in printed

    with pytest.raises(PreprocessError, match="other labels"):
        run_import(store, tmp_path / "in", master=tmp_path / "master.csv", columns="lvef")
    run_import(store, tmp_path / "in", master=tmp_path / "master.csv", columns="lvef", overwrite=True)
    assert read_labels(tmp_path / "labels.csv").loc[name["acc2"], "lvef"] == 40.0


def test_a_patient_in_two_splits_of_the_master_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "master.csv").write_text(MASTER.replace("acc2.h5,train", "acc2.h5,test"))
    with pytest.raises(PreprocessError, match="1 patients are in more than one split"):
        run_import(tmp_path / "store", three_studies(tmp_path / "in"), master=tmp_path / "master.csv")
    assert not (tmp_path / "splits.csv").exists()


def test_a_master_table_of_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "master.csv").write_text(MASTER.replace("penn_m", "stanford_m"))
    with pytest.raises(PreprocessError, match="none of the 4 rows"):
        run_import(tmp_path / "store", three_studies(tmp_path / "in"), master=tmp_path / "master.csv")
