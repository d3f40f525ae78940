"""The report of a run: complete runs, empty runs, hostile strings."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cmr_clip.demo.report import write_demo_report
from preprocess.store.ledger import STORED, Record, Row, write_ledger
from tests.support.browser import LOADED, Browser
from tests.support.explore_cohorts import Files
from tests.support.pages import HOSTILE, ParsedPage, assert_inert

SUMMARY = {
    "n_studies": 20,
    "n_patients": 20,
    "n_clips": 80,
    "retrieval": {
        "r_at_1": 0.4,
        "r_at_5": 0.8,
        "chance_at_1": 0.05,
        "chance_at_5": 0.25,
        "n": 20,
        "median_rank": 2.0,
    },
    "lvef": {"mae_pretrained": 5.44, "mae_baseline": 9.8, "mae_mean_predictor": 12.3, "n": 20, "unit": "points"},
    "seconds": {"simulate": 61.0, "convert": 240.0},
    "commands": {"simulate": "cmr-preprocess simulate --out '<here>'"},
    "versions": {"python": "3.11"},
    "real": [{"study": "0123456789abcdef", "predicted_lvef_percent": 47.3, "views": {"SAX": 1}, "out": True}],
}


@pytest.fixture
def run(tmp_path: Path, files: Files) -> Path:
    """A run with every table that the report knows."""
    shutil.copytree(files.store, tmp_path / "store")
    shutil.copy(files.labels, tmp_path / "truth_labels.csv")
    labels = pd.read_csv(files.labels)
    for folder, error in (("lvef", 4), ("lvef_baseline", 10)):
        (tmp_path / folder).mkdir()
        table = labels.assign(target="lvef_percent", truth=labels["lvef_percent"], score=labels["lvef_percent"] + error)
        table.to_csv(tmp_path / folder / "predictions.csv", index=False)
    clips = pd.read_parquet(files.store / "clips.parquet")[["study", "view", "slice"]]
    clips.assign(target="lvef_percent", weight=0.25).to_csv(tmp_path / "lvef" / "attention.csv", index=False)
    (tmp_path / "pretrain").mkdir()
    curves = {"epoch": [0, 0, 1, 1], "train/loss": [3, np.nan, 2, np.nan]}
    curves |= {"val/retrieval/r_at_5": [np.nan, 0.2, np.nan, 0.6]}
    pd.DataFrame(curves).to_csv(tmp_path / "pretrain" / "metrics.csv", index=False)
    rows = [Row("00", view="SAX", outcome=STORED)] * 5 + [Row("00", reason="scout <b>")] * 2
    write_ledger(tmp_path / "store", [Record("00", rows=tuple(rows))])
    (tmp_path / "map").mkdir()
    (tmp_path / "map" / "explorer.html").write_text("")
    (tmp_path / "map" / "umap.png").write_bytes(b"PNG")
    return tmp_path


def test_report_says_the_numbers_beside_chance(run: Path) -> None:
    path = write_demo_report(SUMMARY, run)
    page = path.read_text()
    assert path == run / "report.html"
    for words in (
        "80%",
        "By chance: 25%",
        "5.4 points",
        "9.8 points",
        "12.3 points",
        "5 min 01 s",
        "Not for clinical",
    ):
        assert words in page
    assert "off by 4.0 points on average" in page and "off by 10.0" in page
    assert page.count('class="heart h') == 5  # four phenotypes, one of them spelt in a hostile way
    assert 'href="map/explorer.html"' in page
    assert "SAX 1" in page and "47 %" in page
    assert page.count("<svg") == 5


def test_report_is_self_contained_and_inert(run: Path) -> None:
    hostile = {
        "commands": {HOSTILE: HOSTILE},
        "versions": {HOSTILE: HOSTILE},
        "real": [{"study": HOSTILE, "views": {HOSTILE: 1}}],
    }
    text = write_demo_report(SUMMARY | hostile, run).read_text()
    page = ParsedPage(text)
    assert_inert(page)
    assert "http://" not in text and "https://" not in text
    assert "scout <b>" in page.text and page.text.count(HOSTILE) == 6
    words = HOSTILE[:1].upper() + HOSTILE[1:]
    assert f"{words}, SAX" in page.text or f"{words}, 4CH" in page.text
    assert sum(name == "img" for name, _ in page.tags) == 1  # the map


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not on PATH")
def test_hearts_beat_in_a_browser(run: Path, browser: Browser) -> None:
    browser.open(write_demo_report(SUMMARY, run).as_uri(), LOADED)
    heart = "document.getAnimations().filter((beat) => beat.effect.target.className.startsWith('heart'))"
    assert browser.evaluate(f"{heart}.length") == 5
    assert browser.evaluate(f"{heart}.every((beat) => beat.playState === 'running')")
    assert browser.evaluate("document.querySelectorAll('circle title').length") == 40


def test_nothing_is_required(tmp_path: Path) -> None:
    page = write_demo_report({}, tmp_path).read_text()
    assert "Not for clinical use" in page and "<h2>" not in page
    partial = {
        "retrieval": {"r_at_5": 0.5, "median_rank": float("nan")},
        "lvef": {},
        "seconds": None,
        "real": None,
    }
    assert "50%" in write_demo_report(partial, tmp_path).read_text()
