"""The page in a real browser: it runs without a complaint, plays, and answers to mouse, keyboard and links."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.browser import Browser

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not on PATH"),
]
HEART = "#card canvas"


def position(browser: Browser, point: int) -> tuple[float, float]:
    """Where a point is on the screen: its card's ring is drawn there."""
    x, y = browser.evaluate(f"explorer.position({point})")
    return x, y


def frames(browser: Browser, selector: str) -> set[str]:
    seen = set()
    for _ in range(12):
        seen.add(browser.evaluate(f"document.querySelector({selector!r}).toDataURL()"))
        time.sleep(0.1)
    return seen


def test_hover_shows_a_beating_heart(browser: Browser, made_map: Path, tmp_path: Path) -> None:
    browser.open((made_map / "explorer.html").as_uri())
    browser.mouse("Moved", *position(browser, 12))
    assert browser.evaluate("explorer.state.hovered") == 12
    key = browser.evaluate("explorer.data.studies.key[12]")
    assert key[:8] in browser.evaluate("document.querySelector('#card').innerText")
    assert len(frames(browser, HEART)) >= 4
    with Image.open(browser.screenshot(tmp_path / "page.png")) as image:
        assert len(np.unique(np.asarray(image.convert("L")))) > 60  # a grey heart, not only a flat page


def test_pause_stops_the_hearts(browser: Browser, made_map: Path) -> None:
    browser.open((made_map / "explorer.html").as_uri() + "#hover=3")
    browser.evaluate("document.querySelector('#play').click()")
    time.sleep(0.3)
    assert len(frames(browser, HEART)) == 1


def test_click_opens_the_study_and_keys_walk_on(browser: Browser, made_map: Path) -> None:
    browser.open((made_map / "explorer.html").as_uri())
    browser.click(*position(browser, 7))
    assert browser.evaluate("explorer.state.pinned") == 7
    assert browser.evaluate("document.querySelectorAll('#panel figure').length") == 4
    assert browser.evaluate("document.querySelectorAll('#panel .near').length") == 8
    assert browser.evaluate("location.hash") == "#study=" + browser.evaluate("explorer.data.studies.key[7]")
    for key in ("ArrowRight", "ArrowDown"):
        browser.press(key)
    browser.press("Enter", "\r")
    state = browser.evaluate("[explorer.state.hovered, explorer.state.pinned]")
    assert state[0] == state[1] >= 0
    browser.press("Escape")
    browser.press("Escape")
    assert browser.evaluate("[explorer.state.hovered, explorer.state.pinned]") == [-1, -1]


def test_wheel_zooms_around_the_pointer_and_drag_pans(browser: Browser, made_map: Path) -> None:
    browser.open((made_map / "explorer.html").as_uri())
    before, other = position(browser, 5), position(browser, 6)
    browser.mouse("Wheel", *before, deltaX=0, deltaY=-400)
    after = position(browser, 5)
    assert after == pytest.approx(before, abs=2)  # the browser rounds the pointer to whole pixels
    assert np.hypot(*np.subtract(position(browser, 6), after)) > 1.5 * np.hypot(*np.subtract(other, before))
    browser.mouse("Pressed", 300, 300, button="left", clickCount=1)
    browser.mouse("Moved", 340, 280, button="left", buttons=1)
    browser.mouse("Released", 340, 280, button="left", clickCount=1)
    assert position(browser, 5) == pytest.approx((after[0] + 40, after[1] - 20), abs=0.5)
    assert browser.evaluate("explorer.state.pinned") == -1


def test_legend_filters_search_finds_and_links_lead(browser: Browser, made_map: Path) -> None:
    browser.open((made_map / "explorer.html").as_uri() + "#unit=clip&colour=view&hover=2")
    assert browser.evaluate("[explorer.state.unit, explorer.state.colour, explorer.state.hovered]") == [
        "clip",
        "view",
        2,
    ]
    browser.evaluate("document.querySelectorAll('#legend .row')[1].click()")
    assert browser.evaluate("[...explorer.state.only]") == [1]
    browser.evaluate("document.querySelector('[data-unit=study]').click()")
    assert browser.evaluate("explorer.state.colour") != "view"  # a study has no single view
    browser.evaluate("document.querySelector('#search').focus()")
    for letter in browser.evaluate("explorer.data.studies.key[9].slice(0, 6)"):
        browser.press(letter, letter)
    browser.press("Enter", "\r")
    assert browser.evaluate("explorer.state.pinned") == 9


def test_placed_study_is_named_as_such(browser: Browser, made_map: Path) -> None:
    browser.open((made_map / "explorer.html").as_uri() + "#hover=20")
    assert "outside the training distribution" in browser.evaluate("document.querySelector('#placed').innerText")
    card = browser.evaluate("document.querySelector('#card').innerText")
    assert "47.3" in card and "Outside the training distribution" in card
