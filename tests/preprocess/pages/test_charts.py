"""Charts: every value is drawn once and said, whatever the values and names are."""

from __future__ import annotations

import math
import re

import pytest

from preprocess.pages.charts import Bar, DataSeries, bar_chart, line_chart, nice_ticks, scatter_chart, share_chart
from preprocess.pages.documents import document
from preprocess.pages.histograms import histogram
from preprocess.pages.markup import Markup
from tests.support.pages import HOSTILE, ParsedPage, assert_inert

NAN = math.nan


def parsed(chart: Markup) -> ParsedPage:
    page = ParsedPage(document("t", chart, style="p{}"))
    assert_inert(page)
    return page


def n_of(page: ParsedPage, tag: str) -> int:
    return [name for name, _ in page.tags].count(tag)


def test_ticks_are_round_and_span_the_data() -> None:
    assert nice_ticks(0, 1) == [0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert nice_ticks(21.3, 68.9) == [20, 30, 40, 50, 60, 70]
    assert len(nice_ticks(5, 5)) >= 2


def test_points_are_drawn_and_said_but_for_those_that_are_not_finite() -> None:
    page = parsed(scatter_chart([DataSeries("a", [1, 2, NAN], [3, 4, 5]), DataSeries(HOSTILE, [9], [0])], "x", "y"))
    assert n_of(page, "circle") == 3
    assert "x 1, y 3" in page.text and HOSTILE in page.text
    places = [tag for name, tag in page.tags if name == "circle"]
    assert all(0 <= float(str(tag["cx"])) <= 430 and 0 <= float(str(tag["cy"])) <= 400 for tag in places)


def test_lines_are_drawn_for_the_series_that_have_points() -> None:
    page = parsed(line_chart([DataSeries("a", [0, 1], [3, NAN]), DataSeries("", [], [])], HOSTILE, HOSTILE))
    assert [tag["class"] for _, tag in page.tags if "line" in str(tag.get("class"))] == ["line s0"]
    labels = [tag["aria-label"] for name, tag in page.tags if name == "svg"]
    assert labels == [f"{HOSTILE} over {HOSTILE}"]


@pytest.mark.parametrize("chart", [scatter_chart, line_chart])
def test_no_values_are_said(chart) -> None:
    assert "no values" in parsed(chart([DataSeries("a", [NAN], [1])], "x", "y")).text


def test_bars_say_their_value_and_chance() -> None:
    bars = [Bar(HOSTILE, 0.5, 0.25), Bar("b", 0.125)]
    upright, lying = parsed(bar_chart(bars, "share")), parsed(share_chart(bars, HOSTILE, HOSTILE))
    for page in (upright, lying):
        assert n_of(page, "rect") == 2
        assert [tag["class"] for name, tag in page.tags if name == "path"].count("chance") == 1
    assert f"{HOSTILE}: 0.5 (by chance: 0.25)" in upright.text and "b: 0.125" in upright.text
    assert f"{HOSTILE}: 0.5 ({HOSTILE}: 0.25)" in lying.text and "50%" in lying.text
    assert n_of(parsed(bar_chart([], "share")), "rect") == n_of(parsed(share_chart([], "s", "e")), "rect") == 0


@pytest.mark.parametrize("counts", [{1.0: 3}, {1.0: 1, 2.0: 5, 9.0: 1}, {float(n) / 7: n for n in range(1, 90)}, {}])
def test_a_histogram_counts_every_value_once(counts: dict[float, int]) -> None:
    page = parsed(histogram(HOSTILE, HOSTILE, counts | {NAN: 7}))
    columns = [int(number.replace(",", "")) for number in re.findall(r": ([\d,]+) \(", page.text)]
    assert sum(columns) == sum(counts.values())
    assert HOSTILE in page.text


ODD = [0.0, 1.0, 1 + 1e-15, -1.0, 1e17, -1e17, 1e150, 1e308, -1e308, 1e-12, 3e-12, 5e-324, NAN, math.inf, -math.inf]


@pytest.mark.parametrize("first", ODD)
def test_any_number_makes_a_chart_without_undefined_places(first: float) -> None:
    for second in ODD:
        series = [DataSeries("a", [first, second], [second, first]), DataSeries("b", [first], [second])]
        bars = [Bar("a", first, second), Bar("b", second)]
        charts = [
            scatter_chart(series, "x", "y"),
            line_chart(series, "x", "y"),
            line_chart(series, "x", "y", from_zero=True),
            bar_chart(bars, "y"),
            share_chart(bars, "y", "equal"),
            histogram("t", "mm", {first: 1, second: 2, 0.5: 3}),
        ]
        for chart in charts:
            assert not re.findall(r'="[^"]*\b(?:nan|inf)\b[^"]*"', chart), (first, second)


def test_a_bar_without_a_value_says_so() -> None:
    assert "not defined" in bar_chart([Bar("AUROC", NAN)], "score")
    assert "not defined" in share_chart([Bar("SAX", NAN)], "attention", "equal")
    assert "not defined" not in bar_chart([Bar("AUROC", 0.0)], "score")


@pytest.mark.parametrize(("low", "high"), [(0, 1), (5, 5), (1e17, 1e17), (1e-12, 3e-12), (-1e150, 1e150), (0, 5e-324)])
def test_ticks_rise_and_span_the_values(low: float, high: float) -> None:
    ticks = nice_ticks(low, high)
    assert ticks == sorted(set(ticks)) and 2 <= len(ticks) <= 12
    assert ticks[0] <= low and high <= ticks[-1]
