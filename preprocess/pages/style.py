"""The style sheets of the kit, to which each page adds its own."""

from __future__ import annotations

from typing import Literal

from preprocess.pages.markup import read_template

__all__ = ["style_sheet"]

_KIT = "preprocess.pages"


def style_sheet(package: str, name: str, *, layout: Literal["reading", "screen"] = "reading") -> str:
    """The style sheet of a page: the kit's colours and type, then the page's own rules.

    Args:
        package: holds the page's own rules.
        name: file in its folder `templates`.
        layout: `reading` adds tables, charts and paper for a page to scroll through; `screen` is for a page that
            fills the window.
    """
    sheets = [read_template(_KIT, "base.css")]
    if layout == "reading":
        sheets.append(read_template(_KIT, "reading.css"))
    return "".join([*sheets, read_template(package, name)])
