"""A whole page in one file: its head, its style and program within it, and the policy that forbids anything else."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from preprocess.pages.markup import Markup, element, join
from preprocess.system.files import write_text

__all__ = ["Program", "content_policy", "document", "safe_json", "write_page"]

# What would end the element early, or make a browser read other bytes than the policy's hashes were made of.
_NOT_INLINE = re.compile(r"</(?:script|style)|<!--|[\r\0]", re.IGNORECASE)
# In a JSON string these are the same characters, but they can't end the <script> element that holds it.
_UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


@dataclass(frozen=True)
class Program:
    """JavaScript of a page, and the data that it finds as JSON in the element with the id `data`."""

    script: str
    data: Mapping[str, Any]


def document(title: str, body: Markup, *, style: str, program: Program | None = None) -> str:
    """A page that needs no network and can't use it: it runs this program and shows this style, and nothing else.

    Args:
        title: shown by the browser.
        body: what stands in `<body>`.
        style: the style sheet.
        program: JavaScript with its data; None for a page without any.

    Raises:
        ValueError: style or script hold what would end their element, or a data value is not finite.
    """
    script = program.script if program else None
    policy = content_policy(style, script)
    head = [
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="referrer", content="no-referrer"),
        element("link", rel="icon", href="data:,"),
        element("title", title),
        Markup(f"<style>{_inline(style)}</style>"),  # `element` refuses both tags everywhere else
    ]
    parts = [body]
    if program:
        parts.append(Markup(f'<script type="application/json" id="data">{safe_json(program.data)}</script>'))
        parts.append(Markup(f"<script>{_inline(program.script)}</script>"))
    page = element("html", element("head", join(head)), element("body", join(parts)), lang="en")
    return f"<!doctype html>\n{page}\n"


def content_policy(style: str, script: str | None) -> str:
    """A content security policy that allows this style, this script and pictures within the page, and nothing else."""
    allowed = {
        "default-src": "'none'",
        "img-src": "data:",
        "style-src": _hash(style),
        "script-src": "'none'" if script is None else _hash(script),
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{kind} {source}" for kind, source in allowed.items())


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"


def _inline(text: str) -> Markup:
    found = _NOT_INLINE.search(text)
    if found:
        raise ValueError(f"{found[0]!r} has no place in a style or script within a page")
    return Markup(text)


def safe_json(value: Any) -> str:
    """JSON that may stand inside a `<script>` element whatever its strings hold.

    Raises:
        ValueError: a number is not finite.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return re.sub("[<>&\u2028\u2029]", lambda sign: _UNSAFE[sign[0]], text)


def write_page(path: Path, page: str) -> Path:
    """Write a page with bare line feeds: the policy's hashes hold for these bytes.

    Raises:
        PreprocessError: the file cannot be written.
    """
    write_text(path, page)
    return path
