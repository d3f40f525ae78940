"""Small charts as inline SVG and tables; colours come from the page's style, so that they follow light and dark."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from preprocess.pages.markup import Markup, element, table

__all__ = ["bar_table", "histogram", "share", "short"]

_WIDTH, _HEIGHT, _BASE = 260, 92, 76
_MAX_BINS = 26

Numbers = npt.NDArray[np.float64]


def share(part: float, whole: float) -> str:
    """A share in per cent, without claiming 0 or 100 where it is not."""
    if not whole:
        return "–"
    percent = 100 * part / whole
    if 0 < percent < 0.1:
        return "< 0.1 %"
    if 99.9 < percent < 100:
        return "> 99.9 %"
    return f"{percent:.1f} %"


def bar_table(
    name: str, unit: str, counts: Sequence[tuple[str, int]], whole: int, *, others: tuple[str, int] | None = None
) -> Markup:
    """A row per count with its share of `whole` as number and bar.

    Args:
        name: heading of the first column.
        unit: heading of the counts: `studies`, `clips` or `series`.
        counts: (label, count), in the order to show.
        whole: what the shares are of.
        others: a last row for everything that is not listed.
    """
    shown = [*counts, *([others] if others and others[1] else [])]
    rows = [
        (label or "unknown", f"{count:,}", share(count, whole), _bar(count / max(whole, 1))) for label, count in shown
    ]
    return table([name, unit, "share", ""], rows, class_="bars")


def _bar(part: float) -> Markup:
    width = f"{100 * min(max(part, 0.0), 1.0):.2f}"
    return element(
        "svg",
        element("rect", class_="track", width=100, height=8, y=1),
        element("rect", class_="bar", width=width, height=8, y=1),
        viewBox="0 0 100 10",
        preserveAspectRatio="none",
        aria_hidden="true",
    )


def histogram(title: str, unit: str, counts: Mapping[float, int] | Mapping[int, int]) -> Markup:
    """A histogram of counted values with its median and its ends.

    Args:
        title: what is counted.
        unit: of the values; may be empty.
        counts: how often each value occurs.
    """
    known = {float(value): count for value, count in counts.items() if math.isfinite(value)}
    total = sum(known.values())
    caption = element("figcaption", element("strong", title), f" {unit}".rstrip())
    if not total:
        return element("figure", caption, element("p", "unknown for all", class_="soft"), class_="chart")
    values = np.array(sorted(known))
    weights = np.array([known[value] for value in sorted(known)], dtype=np.float64)
    median = float(values[np.searchsorted(np.cumsum(weights), total / 2)])
    edges, heights = _binned(values, weights)
    bars = [_column(edges, heights, index, total) for index in range(len(heights)) if heights[index]]
    ends = [
        element("text", short(float(values[0])), x=2, y=90),
        element("text", f"median {short(median)}", x=_WIDTH / 2, y=90, text_anchor="middle", class_="median"),
        element("text", short(float(values[-1])), x=_WIDTH - 2, y=90, text_anchor="end"),
    ]
    axis = element("line", x1=0, x2=_WIDTH, y1=_BASE + 0.5, y2=_BASE + 0.5, class_="axis")
    low, high = short(float(values[0])), short(float(values[-1]))
    label = f"Histogram of {title}: from {low} to {high}, median {short(median)}"
    drawn = element("svg", *bars, axis, *ends, viewBox=f"0 0 {_WIDTH} {_HEIGHT + 4}", role="img", aria_label=label)
    return element("figure", caption, drawn, class_="chart")


def _binned(values: Numbers, weights: Numbers) -> tuple[Numbers, Numbers]:
    """Few values keep a column each where they are evenly spaced; others are binned."""
    low, high = float(values[0]), float(values[-1])
    step = float(np.diff(values).min()) if len(values) > 1 else 1.0
    n_bins = min(_MAX_BINS, max(1, round((high - low) / step) + 1))
    if n_bins == _MAX_BINS:
        margin, width = 0.0, (high - low) / n_bins
    else:
        margin, width = step / 2, step
    edges: Numbers = low - margin + width * np.arange(n_bins + 1, dtype=np.float64)
    edges[-1] = max(edges[-1], high)  # not below the largest value by rounding
    heights, _ = np.histogram(values, edges, weights=weights)
    return edges, heights.astype(np.float64)


def _column(edges: Numbers, heights: Numbers, index: int, total: int) -> Markup:
    slot = _WIDTH / len(heights)
    width = min(slot - 1.5, 40.0)
    height = max(1.0, (_BASE - 6) * float(heights[index]) / float(heights.max()))
    span = f"{short(float(edges[index]))} to {short(float(edges[index + 1]))}"
    text = f"{span}: {int(heights[index]):,} ({share(float(heights[index]), total)})"
    return element(
        "g",
        element(
            "rect",
            class_="bar",
            x=f"{index * slot + (slot - width) / 2:.1f}",
            y=f"{_BASE - height:.1f}",
            width=f"{width:.1f}",
            height=f"{height:.1f}",
        ),
        element("title", text),
    )


def short(value: float) -> str:
    """A number with three digits that count."""
    if 0 < abs(value) < 1e-4:
        return "< 0.0001" if value > 0 else "> −0.0001"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
