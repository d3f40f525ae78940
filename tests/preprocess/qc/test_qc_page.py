"""The page says what was found, names no patient, and is safe to open."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from preprocess import cli
from tests.support.browser import LOADED, Browser
from tests.support.pages import HOSTILE, ParsedPage, assert_inert
from tests.support.planted_faults import N_STUDIES, PLANTED
from tests.support.synthetic import key

HOSTILE_NAME = '"><img src=x onerror=alert(1)>'  # of the file of the page, and so of the table it names


@pytest.fixture(scope="module")
def page_path(planted: Path) -> Path:
    out = planted.parent / f"{HOSTILE_NAME}.html"
    assert cli.main(["qc", "--store", str(planted), "--out", str(out), "--workers", "0"]) == 0
    return out


@pytest.fixture(scope="module")
def page(page_path: Path) -> ParsedPage:
    return ParsedPage(page_path.read_text(encoding="utf-8"))


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not on PATH")
def test_a_browser_shows_the_page_without_complaint(page_path: Path, browser: Browser) -> None:
    browser.open(page_path.as_uri(), LOADED)
    assert browser.evaluate("document.scripts.length") == 0
    assert browser.evaluate("[...document.images].every((image) => image.alt)")
    assert browser.evaluate("getComputedStyle(document.querySelector('.tiles')).display") == "grid"


def test_the_page_holds_no_planted_markup_and_loads_nothing(page: ParsedPage) -> None:
    assert_inert(page)
    assert "<script>alert(1)</script>" in page.text  # shown as what it is
    assert '"><img src=x onerror=alert(1)>' in page.text
    assert HOSTILE.replace("1", "N") in page.text
    assert HOSTILE_NAME in page.text
    assert {tag["src"].partition(",")[0] for name, tag in page.tags if name == "img"} == {"data:image/webp;base64"}


def test_the_page_counts_and_names_what_is_there(page: ParsedPage) -> None:
    assert "no cine: N frames, fewer than N" in page.text
    for number, _, _, reason in PLANTED:
        assert reason in page.text
        assert f"cmr-preprocess inspect {key(0xB0000 + number)} --store STORE" in page.text
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(images) >= 4 * 20
    assert all(image.get("alt") for image in images)


def test_the_page_names_no_patient(page: ParsedPage) -> None:
    raw = page.text + "".join(str(value) for _, attributes in page.tags for value in attributes.values())
    assert not [number for number in range(N_STUDIES) if key(0xA0000 + number) in raw]
    assert not re.search(r"\b(19|20)\d\d-\d\d", raw)
