"""A small histogram of counted values as inline SVG; colours come from the page's style and follow light and dark."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from preprocess.pages.markup import Markup, element
from preprocess.pages.svg import LEAST, chart_figure, drawing, is_drawable, words
from preprocess.pages.table_markup import share, short_number

__all__ = ["histogram"]

_WIDTH, _HEIGHT, _BASE = 260, 96, 76
_MAX_BINS = 26

_Numbers = npt.NDArray[np.float64]


def histogram(title: str, unit: str, counts: Mapping[float, int] | Mapping[int, int]) -> Markup:
    """A histogram of counted values with its median and its ends.

    Args:
        title: what is counted.
        unit: of the values; may be empty.
        counts: how often each value occurs; values that cannot be drawn (see `svg.is_drawable`) are left out.
    """
    known = sorted((float(value), count) for value, count in counts.items() if count > 0 and is_drawable(value))
    if not known:
        return chart_figure(title, element("p", "unknown for all", class_="soft"), unit=unit)
    values = np.array([value for value, _ in known])
    weights = np.array([count for _, count in known], dtype=np.float64)
    median = short_number(float(values[np.searchsorted(np.cumsum(weights), weights.sum() / 2)]))
    low, high = short_number(float(values[0])), short_number(float(values[-1]))
    label = f"Histogram of {title}: from {low} to {high}, median {median}"
    shapes = [
        *_columns(values, weights),
        element("line", x1=0, x2=_WIDTH, y1=_BASE + 0.5, y2=_BASE + 0.5, class_="axis-line"),
        words(2, 90, low, anchor="start"),
        words(_WIDTH / 2, 90, f"median {median}"),
        words(_WIDTH - 2, 90, high, anchor="end"),
    ]
    return chart_figure(title, drawing(_WIDTH, _HEIGHT, label, *shapes), unit=unit)


def _columns(values: _Numbers, weights: _Numbers) -> list[Markup]:
    """A column per bin that is not empty, each naming its span and count to the pointer."""
    # Few values keep a bin each where they are evenly spaced.
    low, high = float(values[0]), float(values[-1])
    least = max(LEAST, 1e-9 * max(abs(low), abs(high)))  # a step that the edges still resolve
    step = max(float(np.diff(values).min()), least) if len(values) > 1 else max(1.0, least)
    n_bins = min(_MAX_BINS, max(1, round((high - low) / step) + 1))
    margin = step / 2
    if n_bins == _MAX_BINS:
        margin, step = 0.0, (high - low) / n_bins
    edges: _Numbers = low - margin + step * np.arange(n_bins + 1, dtype=np.float64)
    edges[-1] = max(edges[-1], high)  # not below the largest value by rounding
    heights = np.histogram(values, edges, weights=weights)[0].astype(np.float64)

    slot = _WIDTH / n_bins
    width = min(slot - 1.5, 40.0)
    total, highest = float(heights.sum()), float(heights.max())
    columns = []
    for index in np.flatnonzero(heights):
        count = float(heights[index])
        tall = max(1.0, (_BASE - 6) * count / highest)
        span = f"{short_number(float(edges[index]))} to {short_number(float(edges[index + 1]))}"
        title = element("title", f"{span}: {int(count):,} ({share(count, total)})")
        place = {"x": f"{index * slot + (slot - width) / 2:.1f}", "y": f"{_BASE - tall:.1f}"}
        size = {"width": f"{width:.1f}", "height": f"{tall:.1f}"}
        columns.append(element("rect", title, class_="bar", **place, **size))
    return columns
