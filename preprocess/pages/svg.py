"""What every chart is drawn with: a labelled drawing, text in it, and the figure around it."""

from __future__ import annotations

from typing import Literal

from preprocess.pages.markup import Markup, element

__all__ = ["chart_figure", "drawing", "words"]


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
