"""A cohort for all tests of the map."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tests.support.explore_cohorts import Files, make_cohort, run_umap
from tests.support.pages import HOSTILE


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Twenty studies; the label of one tries to break out of the page."""
    made = make_cohort(tmp_path_factory.mktemp("cohort"), 20)
    labels = pd.read_csv(made.labels)
    labels.loc[labels["phenotype"].eq("amyloid").idxmax(), "phenotype"] = HOSTILE
    labels.to_csv(made.labels, index=False)
    return made


@pytest.fixture(scope="session")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """One study of another site."""
    return make_cohort(tmp_path_factory.mktemp("elsewhere"), 1, seed=3)


@pytest.fixture(scope="session")
def made_map(files: Files, elsewhere: Files, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that one run of the command leaves."""
    out = tmp_path_factory.mktemp("map")
    study = next(elsewhere.store.glob("*/*.h5")).stem
    predictions = out / "predictions.csv"
    predictions.write_text(f"study,patient,target,truth,score\n{study},,lvef_percent,,47.25\n")
    code = run_umap(
        *("--embeddings", files.embeddings, "--store", files.store, "--out", out, "--labels", files.labels),
        *("--place", elsewhere.embeddings, "--place-store", elsewhere.store, "--place-predictions", predictions),
        *("--notice", HOSTILE),
    )
    assert code == 0
    return out
