"""A page as a browser reads it, and what must hold for every page of the project whatever its texts say."""

from __future__ import annotations

import base64
import hashlib
from html.parser import HTMLParser

__all__ = ["HOSTILE", "ParsedPage", "assert_inert"]

# Ends scripts, styles, attributes, comments and CDATA; ends a line in JavaScript; looks like a slot of a template.
HOSTILE = "</script></style></title>--><img src=x onerror=alert(1)>\"'`]]>\u2028{{title}}&lt;"
_ACTIVE_TAGS = {"iframe", "object", "embed", "base", "form", "foreignobject", "animate", "set", "audio", "video"}


class ParsedPage(HTMLParser):
    """Every tag with its attributes, the text that is shown, and what stands in scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.inline: list[tuple[str, dict[str, str | None], str]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    handle_startendtag = handle_starttag

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] in ("script", "style") and self.cdata_elem:
            self.inline.append((*self.tags[-1], data))
        else:
            self.text += data

    @property
    def policy(self) -> dict[str, str]:
        """The content security policy: what each kind may be."""
        texts = [tag["content"] for name, tag in self.tags if tag.get("http-equiv") == "Content-Security-Policy"]
        assert len(texts) == 1, "a page has one policy"
        return dict(rule.strip().split(" ", 1) for rule in str(texts[0]).split(";"))


def assert_inert(page: ParsedPage, *, n_scripts: int = 0) -> None:
    """The page loads nothing, runs its own `n_scripts` scripts alone, and no text has become markup."""
    for name, attributes in page.tags:
        assert name not in _ACTIVE_TAGS
        active = [key for key in attributes if key.startswith("on") or key in ("style", "srcdoc", "xlink:href")]
        assert not active, (name, attributes)
        for key in ("src", "href"):
            address = attributes.get(key) or ""
            assert not address or address.startswith(("data:image/", "data:,", "#")) or ":" not in address, address
            assert not address.startswith(("//", "\\"))
    assert page.policy | {"style-src": "", "script-src": ""} == {
        "default-src": "'none'",
        "img-src": "data:",
        "style-src": "",
        "script-src": "",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    styles = [text for name, _, text in page.inline if name == "style"]
    scripts = [text for name, tag, text in page.inline if name == "script" and tag.get("type") != "application/json"]
    assert [_hash(text) for text in styles] == [page.policy["style-src"]]
    assert ([_hash(text) for text in scripts] or ["'none'"]) == [page.policy["script-src"]]
    assert len(scripts) == n_scripts
    names = [name for name, _ in page.tags]
    assert names.count("script") == 2 * n_scripts  # each with its data
    assert names.count("style") == names.count("head") == names.count("body") == 1


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
