"""What every chart is drawn with: a labelled drawing, text in it, and the figure around it."""

from __future__ import annotations

import math
from typing import Literal

from preprocess.pages.markup import Markup, element

__all__ = ["LEAST", "MOST", "chart_figure", "drawing", "is_drawable", "words"]

LEAST, MOST = 1e-150, 1e150
"""Size of the smallest difference and of the largest number that a chart draws: their ratios stay finite."""


def is_drawable(value: float) -> bool:
    """Whether a value has a place on an axis: it is a number, and none beyond `MOST`."""
    return math.isfinite(value) and abs(value) <= MOST


def drawing(width: float, height: float, label: str, *shapes: str) -> Markup:
    """An SVG that is as wide as its place allows; `label` says what it shows to those who can't see it."""
    return element("svg", *shapes, viewBox=f"0 0 {width:g} {height:g}", role="img", aria_label=label)


def words(
    x: float, y: float, text: str, *, kind: str = "tick", anchor: Literal["start", "middle", "end"] = "middle"
) -> Markup:
    """Text in a drawing; `kind` (`tick`, `axis`, `name`, `value`) is its class in the style sheet."""
    return element("text", text, x=f"{x:g}", y=f"{y:g}", class_=kind, text_anchor=anchor)


def chart_figure(title: str, *content: str, unit: str = "") -> Markup:
    """A chart under its title and the unit of what it shows."""
    caption = element("figcaption", element("strong", title), f" {unit}".rstrip())
    return element("figure", caption, *content, class_="chart")
