"""The kit: text can't become markup, a page carries one policy that fits it, and nobody else writes tags."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import cmr_clip
import preprocess
from preprocess.pages.documents import Program, document, safe_json
from preprocess.pages.markup import Markup, element, fill_template, join
from preprocess.pages.strips import Strip, beating_hearts
from preprocess.pages.style import style_sheet
from preprocess.pages.table_markup import bar_table, share, short_number, table
from tests.support.pages import HOSTILE, ParsedPage, assert_inert

PACKAGES = [Path(str(package.__file__)).parent for package in (preprocess, cmr_clip)]
PAGE_MAKERS = ("preprocess/qc/", "cmr_clip/demo/", "cmr_clip/explore/")
_TAG = re.compile(r"<[a-z/!]", re.IGNORECASE)


@pytest.mark.parametrize("text", [HOSTILE, "<b>", "a & b", "'\""])
def test_text_stays_text_as_child_attribute_cell_and_title(text: str) -> None:
    body = element("p", text, element("b", text), title=text, class_=None)
    made = join([body, table([text, "n"], [[text, "1"]], numbers=("n",)), bar_table(text, "n", [(text, 1)], 1), text])
    page = ParsedPage(document(text, made, style=style_sheet("preprocess.qc", "qc.css")))
    assert_inert(page)
    assert page.text.count(text) == 8
    assert [tag["title"] for name, tag in page.tags if name == "p"] == [text]
    assert "img" not in [name for name, _ in page.tags]


def test_markup_that_was_glued_is_text_again() -> None:
    assert join([element("b", "x") + "<i>", f"{element('b')}"]) == "&lt;b&gt;x&lt;/b&gt;&lt;i&gt;&lt;b&gt;&lt;/b&gt;"


@pytest.mark.parametrize(
    "attributes",
    [
        {"onclick": "alert(1)"},
        {"style": "color: red"},
        {"srcdoc": ""},
        {"href": "javascript:alert(1)"},
        {"href": " JavaScript:alert(1)"},
        {"href": "https://example.org"},
        {"src": "//example.org/a.png"},
        {"src": "\\\\host\\share"},
        {"href": "data:text/html,x"},
        {"HREF": "javascript:alert(1)"},
        {"ONCLICK": "alert(1)"},
        {"onClick": "alert(1)"},
        {"srcset": "https://example.org 2x"},
        {"action": "https://example.org"},
        {"formaction": "#"},
        {"http_equiv": "refresh", "content": "0;url=https://example.org"},
        {"a b": "c"},
        {"x><script": "c"},
        {"": "c"},
    ],
)
def test_attributes_that_run_or_fetch_are_refused(attributes: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="no place on a page"):
        element("a", "x", **attributes)


@pytest.mark.parametrize("address", ["#top", "map/explorer.html", "data:image/webp;base64,AAAA", "data:,"])
def test_addresses_within_the_page_and_beside_it_are_allowed(address: str) -> None:
    assert f'"{address}"' in element("a", href=address)


@pytest.mark.parametrize("tag", ["script", "STYLE", "iframe", "form", "object", "base", "a><script", "a b", "", "1"])
def test_tags_that_run_embed_or_send_are_refused(tag: str) -> None:
    with pytest.raises(ValueError, match="has no place on a page"):
        element(tag, "x")


def test_a_program_and_its_data_come_back_as_they_were() -> None:
    data = {"label": HOSTILE, HOSTILE: [1, None, "\u2029"]}
    page = ParsedPage(document("t", Markup(), style="p{}", program=Program("let a = 1 < 2;\n", data)))
    assert_inert(page, n_scripts=1)
    found = [text for name, tag, text in page.inline if tag.get("id") == "data"]
    assert [json.loads(text) for text in found] == [data]
    assert not set("<>&\u2028\u2029") & set(safe_json(data))


@pytest.mark.parametrize("text", ["</style>", "</SCRIPT >", "<!--", "a\rb", "\0"])
def test_style_and_script_that_would_end_early_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no place in a style or script"):
        document("t", Markup(), style=text)
    with pytest.raises(ValueError, match="no place in a style or script"):
        document("t", Markup(), style="", program=Program(text, {}))
    with pytest.raises(ValueError, match="Out of range float"):
        document("t", Markup(), style="", program=Program("", {"x": float("nan")}))


def test_a_template_fills_its_slots_once() -> None:
    filled = fill_template("cmr_clip.explore", "explorer.html", {"title": HOSTILE, "notice": "{{title}}"})
    page = ParsedPage(filled)
    assert HOSTILE in page.text and "{{title}}" in page.text
    assert "img" not in [name for name, _ in page.tags]
    with pytest.raises(KeyError):
        fill_template("cmr_clip.explore", "explorer.html", {"title": ""})


def test_hearts_beat_under_their_captions() -> None:
    rules, hearts = beating_hearts([(HOSTILE, Strip(b"jpeg", 12, 64)), ("b", Strip(b"", 1, 64))])
    page = ParsedPage(document("t", hearts, style=style_sheet("cmr_clip.demo", "report.css") + rules))
    assert_inert(page)
    assert HOSTILE in page.text
    assert "steps(12,jump-none)" in rules and rules.count("background-image") == 2
    assert beating_hearts([]) == ("", "")


def test_shares_and_numbers_do_not_claim_too_much() -> None:
    assert [share(*pair) for pair in ((1, 3), (1, 5000), (4999, 5000), (2, 2), (1, 0))] == [
        "33.3 %",
        "< 0.1 %",
        "> 99.9 %",
        "100.0 %",
        "–",
    ]
    assert [short_number(value) for value in (0, 0.123456, 12345, 1e-9, -1e-9)] == [
        "0",
        "0.123",
        "12,345",
        "< 0.0001",
        "> −0.0001",
    ]


def _sources() -> Iterator[tuple[str, ast.Module]]:
    for package in PACKAGES:
        for path in package.rglob("*.py"):
            yield path.relative_to(package.parent).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def _strings(module: ast.Module) -> Iterator[str]:
    """String constants, pieces of f-strings among them, without docstrings."""
    nodes = list(ast.walk(module))
    said = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield node.value


def test_only_the_kit_writes_markup() -> None:
    names = []
    for name, module in _sources():
        if name.startswith("preprocess/pages/"):
            continue
        names.append(name)
        for node in ast.walk(module):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Markup":
                assert not node.args, f"{name}:{node.lineno} declares text to be markup"
            imported = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert "html" not in [*imported, getattr(node, "module", "")], f"{name} escapes by hand"
        for text in _strings(module):
            assert "Content-Security-Policy" not in text and "default-src" not in text, name
            if name.startswith(PAGE_MAKERS):
                assert not _TAG.search(text), f"{name} glues {text!r}"
    assert len([name for name in names if name.startswith(PAGE_MAKERS)]) > 20
