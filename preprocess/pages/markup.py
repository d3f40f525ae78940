"""HTML that is escaped by construction: text is text, and only this kit makes markup of it."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from html import escape
from importlib.resources import files

__all__ = ["Markup", "data_url", "element", "fill_template", "join", "read_template"]

_CHILDLESS = frozenset({"circle", "img", "line", "link", "meta", "path", "rect"})
_ADDRESSES = frozenset({"href", "src", "poster"})
_TAG, _ATTRIBUTE = re.compile(r"[a-z][a-z0-9]*", re.I), re.compile(r"[a-z][a-z0-9-]*", re.I)
_TAGS_REFUSED = frozenset({"base", "embed", "form", "frame", "iframe", "object", "script", "style"})
_ATTRIBUTES_REFUSED = frozenset({"action", "background", "formaction", "ping", "srcdoc", "srcset", "style"})
_SLOT = re.compile(r"\{\{(\w+)\}\}")


class Markup(str):
    """Finished HTML. Joined to other text by `+` or an f-string it becomes plain text again, and is escaped."""

    __slots__ = ()


def element(name: str, /, *children: str, **attributes: object) -> Markup:
    """An element of HTML or SVG.

    Args:
        name: tag.
        children: `Markup` stands as it is, other text is escaped.
        attributes: their values are escaped, None leaves one out; `class_` is `class`, `aria_label` is `aria-label`.

    Raises:
        ValueError: no name of a tag or attribute; a tag that runs, styles, embeds or sends something; an attribute that
            holds a program or a style, or an address that leads off the page and its folder.
    """
    if not _TAG.fullmatch(name) or name.lower() in _TAGS_REFUSED:
        raise ValueError(f"<{name[:40]}> has no place on a page")
    named = {key.rstrip("_").replace("_", "-"): str(value) for key, value in attributes.items() if value is not None}
    for key, value in named.items():
        if not _is_harmless(key.lower(), value):
            raise ValueError(f"{key[:40]}={value[:40]!r} has no place on a page")
    written = "".join(f' {key}="{escape(value)}"' for key, value in named.items())
    if name in _CHILDLESS and not children:
        return Markup(f"<{name}{written}/>")
    return Markup(f"<{name}{written}>{join(children)}</{name}>")


def _is_harmless(key: str, value: str) -> bool:
    """Whether an attribute, its name in small letters, neither runs, styles nor fetches anything."""
    if key.startswith("on") or key in _ATTRIBUTES_REFUSED or not _ATTRIBUTE.fullmatch(key):
        return False
    if key == "http-equiv":
        return value.strip().lower() == "content-security-policy"
    return key not in _ADDRESSES or _is_local(value)


def _is_local(address: str) -> bool:
    """A place on the page, a picture within it, or a file beside it: nothing that a browser runs or fetches."""
    if address.startswith(("#", "data:image/")) or address == "data:,":
        return True
    return ":" not in address and not address.startswith(("/", "\\"))


def join(parts: Iterable[str]) -> Markup:
    """Several pieces one after the other; what is no `Markup` is escaped."""
    return Markup("".join(part if isinstance(part, Markup) else escape(part) for part in parts))


def read_template(package: str, name: str) -> str:
    """Text of a file in the folder `templates` of a package."""
    return files(package).joinpath("templates").joinpath(name).read_text(encoding="utf-8")


def fill_template(package: str, name: str, values: Mapping[str, str]) -> Markup:
    """A template with every `{{slot}}` filled in one pass, so that a value is never searched for slots itself.

    Args:
        package: holds the template.
        name: file in its folder `templates`; slots stand for text or for the quoted value of an attribute.
        values: by slot; what is no `Markup` is escaped.
    """
    return Markup(_SLOT.sub(lambda slot: join([values[slot[1]]]), read_template(package, name)))


def data_url(content: bytes, mime: str) -> str:
    """`content` as a `data:` address."""
    return f"data:{mime};base64,{base64.b64encode(content).decode('ascii')}"
