"""The command as a whole: one run of UMAP, and what it leaves."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cmr_clip.explore.projection import UmapSettings, nearest, project, silhouette
from tests.support.explore_cohorts import Files, make_cohort, run_umap
from tests.support.pages import HOSTILE, ParsedPage, assert_inert


def data_of(page: str) -> dict:
    start = page.index('id="data">') + len('id="data">')
    return json.loads(page[start : page.index("</script>", start)])


def test_picture_and_coordinates(made_map: Path) -> None:
    with Image.open(made_map / "umap.png") as picture:
        picture.load()
        assert min(picture.size) > 500
    table = pd.read_parquet(made_map / "coordinates.parquet")
    assert table["unit"].value_counts().to_dict() == {"clip": 84, "study": 21}
    assert list(table.columns) == ["unit", "study", "view", "slice", "x", "y", "placed"]
    assert np.isfinite(table[["x", "y"]]).all(axis=None)
    assert table["placed"].sum() == 4 + 1
    assert len(pd.read_csv(made_map / "coordinates.csv")) == len(table)


def test_summary_separates_the_classes(made_map: Path) -> None:
    summary = json.loads((made_map / "map.json").read_text())
    assert (summary["n_clips"], summary["n_studies"], summary["n_placed"]) == (80, 20, 1)
    assert summary["silhouette"]["phenotype"]["score"] > 0.5 > summary["silhouette"]["vendor"]["score"]
    view = summary["silhouette"]["view"]
    assert view["unit"] == "clip"
    assert view["clip_score"] == view["score"] < summary["silhouette"]["phenotype"]["clip_score"]


def test_page_is_self_contained_and_holds_no_patient(made_map: Path, files: Files) -> None:
    page = (made_map / "explorer.html").read_text()
    parsed = ParsedPage(page)
    assert_inert(parsed, n_scripts=1)
    assert HOSTILE in parsed.text  # the notice
    for forbidden in ("http://", "https://", ' src="', "unsafe-inline", "@import", "fetch(", "innerHTML"):
        assert forbidden not in page
    names = [c["name"] for v in data_of(page)["variables"] if v["kind"] == "category" for c in v["categories"]]
    assert HOSTILE in names
    for folder in files.store.iterdir():
        assert not folder.is_dir() or folder.name not in page


def test_placed_study_comes_last_with_its_prediction(made_map: Path) -> None:
    data = data_of((made_map / "explorer.html").read_text())
    assert data["studies"]["placed"] == [0] * 20 + [1]
    predicted = next(v for v in data["variables"] if v["name"] == "predicted lvef_percent")
    assert predicted["values"] == [None] * 20 + [47.25]
    assert all(other < 20 for row in data["studies"]["near"] for other in row)
    assert all(data["clips"]["frames"])


@pytest.mark.parametrize("n", [1, 2, 3, 6])
def test_few_points(n: int) -> None:
    vectors = np.random.default_rng(0).normal(size=(n + 1, 8)).astype(np.float32)
    fitted, placed = project(vectors[:n], vectors[n:], UmapSettings())
    assert fitted.shape == (n, 2) and placed.shape == (1, 2)
    assert np.isfinite(fitted).all() and np.isfinite(placed).all()


def test_two_studies_make_a_map(tmp_path: Path) -> None:
    files = make_cohort(tmp_path, 2, slices=1)
    pd.read_parquet(files.embeddings).iloc[[0, 3]].to_parquet(files.embeddings)
    assert run_umap("--embeddings", files.embeddings, "--store", files.store, "--out", tmp_path / "map") == 0
    assert (tmp_path / "map" / "explorer.html").stat().st_size > 20_000


def test_neighbours_agree_with_brute_force() -> None:
    vectors = np.random.default_rng(1).normal(size=(30, 6)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    rows, scores = nearest(vectors, 25, 8)
    for i in range(30):
        others = [(float(vectors[i] @ vectors[j]), j) for j in range(25) if j != i]
        expected = sorted(others, reverse=True)[:8]
        assert [j for _, j in expected] == rows[i].tolist()
        np.testing.assert_allclose([score for score, _ in expected], scores[i], rtol=1e-5)
    assert nearest(vectors[:1], 1)[0].shape == (1, 0)


def test_silhouette_needs_two_classes_and_leaves_the_unknown_out() -> None:
    vectors = np.array([[1, 0], [0.99, 0.1], [0, 1], [0.1, 0.99], [-1, 0]], np.float32)
    assert silhouette(vectors, np.zeros(5, np.int64)) is None
    score = silhouette(vectors, np.array([0, 0, 1, 1, -1]))
    assert score is not None and score > 0.9
