"""What is read, what is recognised in it, and what is refused with a clear word."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cmr_clip.errors import CmrClipError
from cmr_clip.explore.annotations import join_labels, predicted_columns
from cmr_clip.explore.mapped import join_cohorts, load_cohort
from cmr_clip.explore.variables import label_of, select_variables, variables_of
from cmr_clip.tables.embeddings import read_embeddings
from preprocess.errors import MendableError, PreprocessError
from tests.support.explore_cohorts import Files, make_cohort


def test_study_embedding_is_the_normalised_mean(files: Files) -> None:
    cohort = load_cohort(files.embeddings, files.store)
    own = cohort.clip_vectors[(cohort.clips["study_row"] == 3).to_numpy()]
    mean = own.mean(axis=0)
    np.testing.assert_allclose(cohort.study_vectors[3], mean / np.linalg.norm(mean), rtol=1e-5)


def test_variables_are_recognised(files: Files) -> None:
    cohort = load_cohort(files.embeddings, files.store, [join_labels([files.labels])])
    found = {variable.name: variable for variable in variables_of(cohort)}
    kinds = {name: (variable.kind, variable.level) for name, variable in found.items()}
    assert kinds["view"] == ("category", "clip")
    assert kinds["phenotype"] == ("category", "study")
    assert kinds["lvef_percent"] == ("number", "study")
    assert kinds["field_strength_t"] == ("category", "study")
    assert [category.name for category in found["view"].categories] == ["4CH", "2CH", "SAX"]
    assert found["lvef_percent"].label == "LVEF (%)"
    assert "patient" not in found and "store" not in found
    chosen = select_variables(list(found.values()), ["sex", "view"])
    assert [variable.name for variable in chosen] == ["sex", "view"]


def test_many_classes_share_other_and_missing_stays_unknown(files: Files) -> None:
    studies = load_cohort(files.embeddings, files.store).studies["study"]
    table = pd.DataFrame({"study": studies, "site": [f"s{i % 19:02d}" if i else None for i in range(20)]})
    site = {v.name: v for v in variables_of(load_cohort(files.embeddings, files.store, [table]))}["site"]
    assert site.codes[0] == -1
    assert site.categories[-1].name == "other"
    assert len(site.categories) == 12


def test_labels_for_people() -> None:
    assert [label_of(name) for name in ("age_years", "rv_dilation", "sex", "predicted lvef_percent")] == [
        "Age (years)",
        "RV dilation",
        "Sex",
        "Predicted LVEF (%)",
    ]


def test_predictions_tell_models_apart(tmp_path: Path) -> None:
    path = tmp_path / "predictions.csv"
    path.write_text("study,target,score,model\na,lvef,50,one\na,lvef,60,two\n")
    assert set(predicted_columns(path).columns) == {"study", "predicted lvef (one)", "predicted lvef (two)"}


def broken_inputs(files: Files, folder: Path) -> dict[str, Path]:
    keys = pd.read_parquet(files.embeddings)
    keys.drop(columns="view").to_parquet(folder / "no_view.parquet")
    keys[["study", "patient", "view", "slice"]].to_parquet(folder / "no_vectors.parquet")
    keys.assign(e0=np.nan).to_parquet(folder / "nan.parquet")
    (folder / "text.parquet").write_text("not parquet")
    return {path.stem: path for path in folder.glob("*.parquet")}


def test_broken_embeddings_are_refused(files: Files, tmp_path: Path) -> None:
    words = {
        "no_view": "no column view",
        "no_vectors": "no embedding",
        "nan": "not finite",
        "text": "not readable",
    }
    paths = broken_inputs(files, tmp_path)
    for name, word in words.items():
        with pytest.raises(MendableError, match=word):
            read_embeddings(paths[name])
    with pytest.raises(CmrClipError, match="no file"):
        read_embeddings(tmp_path / "absent.parquet")


def test_foreign_store_other_dimension_and_unknown_colour(files: Files, elsewhere: Files, tmp_path: Path) -> None:
    with pytest.raises(CmrClipError, match="80 of 80 embedded clips are not in"):
        load_cohort(files.embeddings, elsewhere.store)
    with pytest.raises(PreprocessError, match=r"clips\.parquet"):
        load_cohort(files.embeddings, tmp_path)
    wide = make_cohort(tmp_path, 1, seed=9, dim=48)
    ours, theirs = (
        load_cohort(files.embeddings, files.store),
        load_cohort(wide.embeddings, wide.store, placed=True),
    )
    with pytest.raises(CmrClipError, match="32 and of 48 dimensions"):
        join_cohorts(ours, theirs)
    with pytest.raises(CmrClipError, match=r"can't colour by genotype \(known are view, sex"):
        select_variables(variables_of(ours), ["genotype"])


def test_labels_are_checked(files: Files, tmp_path: Path) -> None:
    (tmp_path / "twice.csv").write_text(f"study,a\n{'0' * 16},1\n{'0' * 16},2\n")
    (tmp_path / "keyless.csv").write_text("name,a\nx,1\n")
    for name, word in (("twice", "a study more than once"), ("keyless", "no column study"), ("absent", "no file")):
        with pytest.raises(MendableError, match=word):
            join_labels([tmp_path / f"{name}.csv"])
    with pytest.raises(CmrClipError, match="repeats the label"):
        join_labels([files.labels, files.labels])
