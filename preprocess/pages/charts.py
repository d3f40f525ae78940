"""Charts with axes as inline SVG: they scale, follow the page's colours, and need no script.

Colours come from the page's style sheet through classes (`s0` to `s3` for series), so a chart works on a light and on
a dark page alike. Points and bars tell the pointer their values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from preprocess.pages.markup import Markup, element, join
from preprocess.pages.svg import LEAST, drawing, is_drawable, words

__all__ = ["Bar", "DataSeries", "bar_chart", "line_chart", "nice_ticks", "scatter_chart", "share_chart"]

_LEFT, _RIGHT, _TOP, _BOTTOM = 54, 14, 12, 42
_WIDTH = 430


@dataclass(frozen=True)
class DataSeries:
    """Points or a line, with the name that the legend shows; points that cannot be drawn are left out."""

    name: str
    x: Sequence[float]
    y: Sequence[float]

    @property
    def points(self) -> list[tuple[float, float]]:
        """The points that can be drawn: numbers, and none beyond `MOST`."""
        return [(x, y) for x, y in zip(self.x, self.y, strict=True) if is_drawable(x) and is_drawable(y)]


@dataclass(frozen=True)
class Bar:
    """A value with what chance alone would give."""

    name: str
    value: float
    chance: float | None = None


def nice_ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers that span `low` to `high`, both drawable.

    Raises:
        ValueError: an end is no number or beyond `MOST`.
    """
    if not (is_drawable(low) and is_drawable(high)):
        raise ValueError(f"an axis from {low} to {high} cannot be drawn")
    least = 1e-9 * max(abs(low), abs(high))  # a span that the numbers of the axis still resolve
    if not high > low:
        low, high = low - max(0.5, least), high + max(0.5, least)
    raw = max(high - low, least, LEAST) / about
    power = math.floor(math.log10(raw))
    magnitude = 10.0**power
    step = next((factor * magnitude for factor in (1, 2, 2.5, 5) if factor * magnitude >= raw), 10 * magnitude)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(index * step, max(10, 2 - power)) for index in range(first, max(last, first + 1) + 1)]


@dataclass(frozen=True)
class _Axes:
    """A plot area with linear axes; `x` and `y` are the values at its ends."""

    height: int
    x: tuple[float, float]
    y: tuple[float, float]

    def px(self, value: float) -> float:
        part = (value - self.x[0]) / (self.x[1] - self.x[0])
        return round(_LEFT + part * (_WIDTH - _LEFT - _RIGHT), 1)

    def py(self, value: float) -> float:
        part = (value - self.y[0]) / (self.y[1] - self.y[0])
        return round(self.height - _BOTTOM - part * (self.height - _TOP - _BOTTOM), 1)

    def drawn(self, shapes: Sequence[Markup], names: tuple[str, str], label: str) -> Markup:
        """The chart: its shapes with the names of both axes."""
        middle = (_TOP + self.height - _BOTTOM) / 2
        upright = f"translate(11 {middle:g}) rotate(-90)"
        axis_names = (
            words((_LEFT + _WIDTH - _RIGHT) / 2, self.height - 6, names[0], kind="axis"),
            element("text", names[1], transform=upright, class_="axis", text_anchor="middle"),
        )
        return drawing(_WIDTH, self.height, label, *shapes, *axis_names)

    def grid(self, x_ticks: Sequence[float], y_ticks: Sequence[float]) -> list[Markup]:
        """A line and a number for each tick of y, a number for each of x that lies on the axis."""
        right, below = _WIDTH - _RIGHT, self.height - _BOTTOM + 16
        shapes = [element("path", class_="grid", d=f"M{_LEFT} {self.py(tick)}H{right}") for tick in y_ticks]
        shapes += [words(_LEFT - 7, self.py(tick) + 4, f"{tick:g}", anchor="end") for tick in y_ticks]
        known = [tick for tick in x_ticks if self.x[0] <= tick <= self.x[1]]
        return shapes + [words(self.px(tick), below, f"{tick:g}") for tick in known]


def scatter_chart(series: Sequence[DataSeries], x_name: str, y_name: str) -> Markup:
    """Points on equal axes, with the line on which both agree."""
    values = [value for group in series for point in group.points for value in point]
    if not values:
        return _nothing()
    ticks = nice_ticks(min(values), max(values))
    low, high = limits = (ticks[0], ticks[-1])
    axes = _Axes(400, limits, limits)
    diagonal = f"M{axes.px(low)} {axes.py(low)}L{axes.px(high)} {axes.py(high)}"
    shapes = [*axes.grid(ticks, ticks), element("path", class_="identity", d=diagonal)]
    for number, group in reversed(list(enumerate(series))):  # the first in front
        dots = []
        for x, y in group.points:
            said = element("title", f"{x_name} {x:.3g}, {y_name} {y:.3g}")
            dots.append(element("circle", said, cx=axes.px(x), cy=axes.py(y), r=4))
        shapes.append(element("g", *dots, class_=f"points s{number}"))
    return join([_key(series), axes.drawn(shapes, (x_name, y_name), f"{y_name} against {x_name}")])


def line_chart(series: Sequence[DataSeries], x_name: str, y_name: str, *, from_zero: bool = False) -> Markup:
    """Curves over a common horizontal axis."""
    points = [point for group in series for point in group.points]
    if not points:
        return _nothing()
    xs, ys = zip(*points, strict=True)
    x_ticks = nice_ticks(min(xs), max(xs))
    y_ticks = nice_ticks(0.0 if from_zero else min(ys), max(ys))
    axes = _Axes(260, (min(xs), max(*xs, min(xs) + max(1.0, 1e-9 * abs(min(xs))))), (y_ticks[0], y_ticks[-1]))
    shapes = axes.grid(x_ticks, y_ticks)
    for number, group in enumerate(series):
        if group.points:
            path = "L".join(f"{axes.px(x)} {axes.py(y)}" for x, y in group.points)
            shapes.append(element("path", class_=f"line s{number}", d=f"M{path}"))
    return join([_key(series), axes.drawn(shapes, (x_name, y_name), f"{y_name} over {x_name}")])


def bar_chart(bars: Sequence[Bar], y_name: str) -> Markup:
    """Upright bars from 0 to 1, chance drawn as a mark across each; a value that is no number has a name and no bar."""
    axes = _Axes(280, (0.0, float(max(len(bars), 1))), (0.0, 1.0))
    shapes = axes.grid([], [0, 0.25, 0.5, 0.75, 1])
    base = axes.py(0)
    for number, bar in enumerate(bars):
        left, right = axes.px(number + 0.24), axes.px(number + 0.76)
        middle = (left + right) / 2
        shapes.append(words(middle, base + 18, bar.name, kind="name"))
        if is_drawable(bar.value):
            top = axes.py(min(max(bar.value, 0.0), 1.0))
            shapes.append(_rectangle(left, top, right - left, base - top, _said(bar, "by chance")))
            shapes.append(words(middle, top - 6, f"{bar.value:.2f}", kind="value"))
        else:
            shapes.append(words(middle, base - 6, "not defined", kind="value"))
        if bar.chance is not None and is_drawable(bar.chance):
            y = axes.py(min(max(bar.chance, 0.0), 1.0))
            shapes.append(element("path", class_="chance", d=f"M{axes.px(number + 0.12)} {y}H{axes.px(number + 0.88)}"))
    return join([_chance_key("this run", "chance", bars), axes.drawn(shapes, ("", y_name), y_name)])


def share_chart(bars: Sequence[Bar], title: str, equal: str) -> Markup:
    """Lying bars with their values written out; `chance` marks what `equal` says."""
    row, top = 30, 8
    lengths = [(_length(bar.value), _length(bar.chance)) for bar in bars]
    longest = max([length or 0.0 for pair in lengths for length in pair] + [1e-9])
    scale = 300 / longest
    shapes = []
    for number, (bar, (value, chance)) in enumerate(zip(bars, lengths, strict=True)):
        y = top + number * row
        end = max(value or 0.0, chance or 0.0) * scale
        said = "not defined" if value is None else f"{bar.value:.0%}"
        shapes += [
            words(44, y + 19, bar.name, kind="name", anchor="end"),
            _rectangle(54, y + 6, (value or 0.0) * scale, 18, _said(bar, equal)),
            words(round(63 + end, 1), y + 19, said, kind="value", anchor="start"),
        ]
        if chance is not None:
            shapes.append(element("path", class_="chance", d=f"M{54 + chance * scale:.1f} {y + 2}v26"))
    return join([_chance_key("attention", equal, bars), drawing(_WIDTH, top * 2 + row * len(bars), title, *shapes)])


def _length(value: float | None) -> float | None:
    return max(0.0, value) if value is not None and is_drawable(value) else None


def _rectangle(x: float, y: float, width: float, height: float, title: str) -> Markup:
    place = {"x": f"{x:g}", "y": f"{y:g}", "width": f"{width:.1f}", "height": f"{height:.1f}"}
    return element("rect", element("title", title), class_="bar s0", **place)


def _said(bar: Bar, chance: str) -> str:
    beside = "" if bar.chance is None else f" ({chance}: {bar.chance:.3g})"
    return f"{bar.name}: {bar.value:.3g}{beside}"


def _key(series: Sequence[DataSeries]) -> Markup:
    rows = [
        element("li", element("span", class_=f"dot s{number}"), group.name)
        for number, group in enumerate(series)
        if group.name
    ]
    return element("ul", *rows, class_="key-list") if rows else Markup()


def _chance_key(ours: str, chance: str, bars: Sequence[Bar]) -> Markup:
    rows = [element("li", element("span", class_="dot s0"), ours)]
    if any(bar.chance is not None for bar in bars):
        rows.append(element("li", element("span", class_="dash"), chance))
    return element("ul", *rows, class_="key-list")


def _nothing() -> Markup:
    return element("p", "no values", class_="soft")
