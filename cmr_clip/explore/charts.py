"""Small charts as inline SVG: they scale, follow the page's colours, and need no script.

Colours come from the page's style sheet through classes (`s0`, `s1` … for series), so a chart works on a light
and on a dark page alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from cmr_clip.explore.html import escape

__all__ = ["Bar", "Series", "bar_chart", "line_chart", "nice_ticks", "scatter_chart", "share_chart"]

_LEFT, _RIGHT, _TOP, _BOTTOM = 54, 14, 12, 42


@dataclass(frozen=True)
class Series:
    """Points or a line, with the name that the legend shows."""

    name: str
    x: Sequence[float]
    y: Sequence[float]


@dataclass(frozen=True)
class Bar:
    """A value with what chance alone would give."""

    name: str
    value: float
    chance: float | None = None


def nice_ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers that span `low` to `high`."""
    if not high > low:
        low, high = low - 0.5, high + 0.5
    raw = (high - low) / about
    magnitude = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * magnitude for factor in (1, 2, 2.5, 5, 10) if factor * magnitude >= raw)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(index * step, 10) for index in range(first, last + 1)]


@dataclass(frozen=True)
class _Frame:
    """A plot area with linear axes."""

    width: int
    height: int
    x: tuple[float, float]
    y: tuple[float, float]

    def px(self, value: float) -> float:
        share = (value - self.x[0]) / (self.x[1] - self.x[0])
        return round(_LEFT + share * (self.width - _LEFT - _RIGHT), 1)

    def py(self, value: float) -> float:
        share = (value - self.y[0]) / (self.y[1] - self.y[0])
        return round(self.height - _BOTTOM - share * (self.height - _TOP - _BOTTOM), 1)


def _text(x: float, y: float, text: str, kind: str = "tick", anchor: str = "middle") -> str:
    return f'<text x="{x}" y="{y}" class="{kind}" text-anchor="{anchor}">{escape(text)}</text>'


def _grid(frame: _Frame, x_ticks: Sequence[float], y_ticks: Sequence[float]) -> str:
    bottom, right = frame.height - _BOTTOM, frame.width - _RIGHT
    parts = [f'<path class="grid" d="M{_LEFT} {frame.py(tick)}H{right}"/>' for tick in y_ticks]
    parts += [_text(_LEFT - 7, frame.py(tick) + 4, f"{tick:g}", anchor="end") for tick in y_ticks]
    parts += [_text(frame.px(tick), bottom + 16, f"{tick:g}") for tick in x_ticks]
    return "".join(parts)


def _axis_names(frame: _Frame, x_name: str, y_name: str) -> str:
    middle = (_TOP + frame.height - _BOTTOM) / 2
    return (
        _text((_LEFT + frame.width - _RIGHT) / 2, frame.height - 6, x_name, "axis")
        + f'<text transform="translate(11 {middle}) rotate(-90)" class="axis" text-anchor="middle">'
        + f"{escape(y_name)}</text>"
    )


def _svg(frame: _Frame, body: str, title: str) -> str:
    return (
        f'<svg viewBox="0 0 {frame.width} {frame.height}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>{body}</svg>"
    )


def _key(series: Sequence[Series]) -> str:
    rows = [f'<li><span class="dot s{i}"></span>{escape(one.name)}</li>' for i, one in enumerate(series) if one.name]
    return f'<ul class="key-list">{"".join(rows)}</ul>' if rows else ""


def scatter_chart(series: Sequence[Series], x_name: str, y_name: str) -> str:
    """Points on equal axes, with the line on which both agree."""
    values = [value for one in series for axis in (one.x, one.y) for value in axis]
    ticks = nice_ticks(min(values), max(values))
    limits = (ticks[0], ticks[-1])
    frame = _Frame(430, 400, limits, limits)
    low, high = limits
    body = _grid(frame, ticks, ticks)
    body += f'<path class="identity" d="M{frame.px(low)} {frame.py(low)}L{frame.px(high)} {frame.py(high)}"/>'
    for i, one in reversed(list(enumerate(series))):
        dots = (f'<circle cx="{frame.px(x)}" cy="{frame.py(y)}" r="4"/>' for x, y in zip(one.x, one.y, strict=True))
        body += f'<g class="points s{i}">{"".join(dots)}</g>'
    return _key(series) + _svg(frame, body + _axis_names(frame, x_name, y_name), f"{y_name} against {x_name}")


def line_chart(series: Sequence[Series], x_name: str, y_name: str, *, from_zero: bool = False) -> str:
    """Curves over a common horizontal axis."""
    xs = [value for one in series for value in one.x]
    ys = [value for one in series for value in one.y]
    x_ticks = nice_ticks(min(xs), max(xs))
    y_ticks = nice_ticks(0.0 if from_zero else min(ys), max(ys))
    frame = _Frame(430, 260, (min(xs), max(*xs, min(xs) + 1)), (y_ticks[0], y_ticks[-1]))
    body = _grid(frame, [tick for tick in x_ticks if frame.x[0] <= tick <= frame.x[1]], y_ticks)
    for i, one in enumerate(series):
        path = "L".join(f"{frame.px(x)} {frame.py(y)}" for x, y in zip(one.x, one.y, strict=True))
        body += f'<path class="line s{i}" d="M{path}"/>'
    return _key(series) + _svg(frame, body + _axis_names(frame, x_name, y_name), f"{y_name} over {x_name}")


def bar_chart(bars: Sequence[Bar], y_name: str) -> str:
    """Upright bars from 0 to 1, chance drawn as a mark across each."""
    frame = _Frame(430, 280, (0.0, float(len(bars))), (0.0, 1.0))
    body = _grid(frame, [], [0, 0.25, 0.5, 0.75, 1])
    for i, bar in enumerate(bars):
        left, right, top = frame.px(i + 0.24), frame.px(i + 0.76), frame.py(bar.value)
        middle, base = (left + right) / 2, frame.py(0)
        body += f'<rect class="bar s0" x="{left}" y="{top}" width="{right - left:.1f}" height="{base - top:.1f}"/>'
        body += _text(middle, base + 18, bar.name, "name") + _text(middle, top - 6, f"{bar.value:.2f}", "value")
        if bar.chance is not None:
            y = frame.py(bar.chance)
            body += f'<path class="chance" d="M{frame.px(i + 0.12)} {y}H{frame.px(i + 0.88)}"/>'
    key = _chance_key("this run", "chance", bars)
    return key + _svg(frame, body + _axis_names(frame, "", y_name), y_name)


def _chance_key(ours: str, chance: str, bars: Sequence[Bar]) -> str:
    dash = f'<li><span class="dash"></span>{escape(chance)}</li>' if any(bar.chance is not None for bar in bars) else ""
    return f'<ul class="key-list"><li><span class="dot s0"></span>{escape(ours)}</li>{dash}</ul>'


def share_chart(bars: Sequence[Bar], title: str, equal: str) -> str:
    """Lying bars with their values written out; `chance` marks what `equal` says."""
    height, top = 30, 8
    frame = _Frame(430, top * 2 + height * len(bars), (0.0, 1.0), (0.0, 1.0))
    longest = max([bar.value for bar in bars] + [bar.chance or 0 for bar in bars] + [1e-9])
    body = ""
    for i, bar in enumerate(bars):
        y = top + i * height
        scale = 300 / longest
        body += _text(44, y + 19, bar.name, "name", "end")
        body += f'<rect class="bar s0" x="54" y="{y + 6}" width="{bar.value * scale:.1f}" height="18"/>'
        end = max(bar.value, bar.chance or 0) * scale
        body += _text(round(63 + end, 1), y + 19, f"{bar.value:.0%}", "value", "start")
        if bar.chance is not None:
            body += f'<path class="chance" d="M{54 + bar.chance * scale:.1f} {y + 2}v26"/>'
    return _chance_key("attention", equal, bars) + _svg(frame, body, title)
