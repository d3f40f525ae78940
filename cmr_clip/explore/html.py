"""Self-contained pages: templates, escaping and the content security policy that forbids any network access."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from preprocess.system.files import write_text

__all__ = ["data_url", "escape", "fill", "policy", "read_template", "safe_json", "write_page"]

_SLOT = re.compile(r"\{\{(\w+)\}\}")
# In a JSON string these are the same characters, but they can't end the <script> element that holds it.
_UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def read_template(name: str, package: str = "cmr_clip.explore") -> str:
    """Text of a template that ships with `package`."""
    return files(package).joinpath("templates").joinpath(name).read_text(encoding="utf-8")


def fill(template: str, values: Mapping[str, str]) -> str:
    """Replace every `{{name}}` in one pass, so that a value is never searched for slots itself."""
    return _SLOT.sub(lambda match: values[match.group(1)], template)


def safe_json(value: Any) -> str:
    """JSON that may stand inside a `<script>` element whatever its strings hold."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return re.sub("[<>&\u2028\u2029]", lambda match: _UNSAFE[match.group()], text)


def data_url(content: bytes, mime: str) -> str:
    """`content` as a `data:` address."""
    return f"data:{mime};base64,{base64.b64encode(content).decode('ascii')}"


def policy(scripts: Iterable[str] = (), styles: Iterable[str] = ()) -> str:
    """A content security policy that runs exactly these scripts and styles and loads nothing else."""
    rules = ["default-src 'none'", "img-src data:", "base-uri 'none'", "form-action 'none'"]
    for directive, texts in (("script-src", scripts), ("style-src", styles)):
        hashes = " ".join(_source_hash(text) for text in texts) or "'none'"
        rules.append(f"{directive} {hashes}")
    return "; ".join(rules)


def _source_hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"


def write_page(path: Path, text: str) -> Path:
    """Write a page with bare line feeds: the policy's hashes hold for these bytes."""
    write_text(path, text)
    return path
