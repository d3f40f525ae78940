"""HTML that is escaped by construction: text is text, and only this module makes markup of it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from html import escape

__all__ = ["Markup", "data_url", "document", "element", "join", "table"]

_NUMBERS = frozenset({"studies", "clips", "series", "share", "value", "slice", "found"})  # columns aligned right
_VOID = ("img", "rect", "line", "meta")


class Markup(str):
    """Finished HTML."""

    __slots__ = ()


def element(name: str, /, *children: str, **attributes: object) -> Markup:
    """An element; children that are not `Markup` are escaped, `class_` is `class`, None leaves an attribute out."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Markup(f"<{name}{written}/>")
    return Markup(f"<{name}{written}>{join(children)}</{name}>")


def join(parts: Iterable[str]) -> Markup:
    """Several pieces one after the other."""
    return Markup("".join(part if isinstance(part, Markup) else escape(part) for part in parts))


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, class_: str | None = None) -> Markup:
    """A table that scrolls by itself where the page is narrow; cells that are numbers are aligned right."""
    kinds = ["number" if name in _NUMBERS else None for name in header]
    heads = [element("th", name, scope="col", class_=kind) for name, kind in zip(header, kinds, strict=True)]
    body = [
        element("tr", *(element("td", cell, class_=kind) for cell, kind in zip(row, kinds, strict=True)))
        for row in rows
    ]
    whole = element("table", element("thead", element("tr", *heads)), element("tbody", *body), class_=class_)
    return element("div", whole, class_="scroll", tabindex="0", role="region", aria_label=f"table: {', '.join(header)}")


def data_url(content: bytes, mime: str) -> str:
    """`content` as a `data:` address."""
    return f"data:{mime};base64,{base64.b64encode(content).decode('ascii')}"


def document(title: str, style: str, body: Markup) -> str:
    """A page that may load nothing, run nothing, and uses exactly this style sheet."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
    policy = f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    head = join(
        [
            element("meta", charset="utf-8"),
            element("meta", http_equiv="Content-Security-Policy", content=policy),
            element("meta", name="viewport", content="width=device-width, initial-scale=1"),
            element("meta", name="referrer", content="no-referrer"),
            element("title", title),
            Markup(f"<style>{style}</style>"),
        ]
    )
    page = element("html", element("head", head), element("body", body), lang="en")
    return f"<!doctype html>\n{page}\n"
