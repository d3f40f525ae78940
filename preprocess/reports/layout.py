"""The layout of a report: headings, wrapped lines, lists and labelled lines.

Reports are dictated, wrapped, bulleted and headed by hand. Here headings go, wrapped lines are joined and list items
stand alone, for either splitter of sentences.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from preprocess.reports.language.english import ENGLISH
from preprocess.reports.language.language import Language

__all__ = ["Block", "report_blocks"]

_ITEM = re.compile(r"(?:[-–*•·▪‣]+\s+|\(?(?P<number>\d{1,2})[.)]\s+)(?=\S)")
_RULER = re.compile(r"[\W_]+")
_CLOSED = ("", ".", "!", "?", ":", ";")  # last sign of a line that does not go on
_LEAST_WRAP = 40  # letters; shorter lines were not cut at a margin


@dataclass(frozen=True)
class Block:
    """A paragraph, list item or labelled line, on one line, with the heading it stands under.

    Attributes:
        section: the heading in lower case; empty before the first one.
        text: never empty.
    """

    section: str
    text: str


def report_blocks(text: str, language: Language = ENGLISH) -> list[Block]:
    """Take the layout of a report apart."""
    headings = _headings(language)
    lines = [" ".join(line.split()) for line in headings.inline.sub("\n", text).splitlines()]
    wrap = max(_LEAST_WRAP, int(0.6 * max(map(len, lines), default=0)))
    blocks: list[Block] = []
    previous = ""
    for line in _read_lines(lines, headings, is_all_capitals=text.isupper()):
        if blocks and not line.starts and _goes_on(previous, line.text, wrap):
            blocks[-1] = Block(line.section, f"{blocks[-1].text} {line.text}")
        elif line.text and not _RULER.fullmatch(line.text):
            blocks.append(Block(line.section, line.text))
        previous = line.text
    return [block for block in blocks if any(sign.isalpha() for sign in block.text)]


@dataclass(frozen=True)
class _Headings:
    """Patterns of headings.

    Attributes:
        named: a known heading and the rest of its line.
        bare: a known heading alone.
        label: the label that a line opens with.
        capitals: a heading in capitals on a line of its own.
        inline: the blank before a heading within a line.
    """

    named: re.Pattern[str]
    bare: re.Pattern[str]
    label: re.Pattern[str]
    capitals: re.Pattern[str]
    inline: re.Pattern[str]

    def split(self, line: str, *, is_all_capitals: bool) -> tuple[str | None, str]:
        """The heading a line opens with (None: it does not) and the rest of the line."""
        match = self.named.match(line)
        if match:
            return match["name"].lower(), match["rest"]
        bare = line.rstrip(" :")
        alone = self.bare.fullmatch(bare) or self.label.fullmatch(line)
        if alone or (not is_all_capitals and self.capitals.fullmatch(line)):
            return bare.lower(), ""
        return None, line


@cache
def _headings(language: Language) -> _Headings:
    sections, capital = language.sections, language.capitals
    sign = f"[{capital}/&()-]+"
    return _Headings(
        named=re.compile(rf"(?P<name>{sections})\s*:\s*(?P<rest>.*)", re.IGNORECASE),
        bare=re.compile(sections, re.IGNORECASE),
        label=re.compile(rf"[{capital}][\w /&().%,-]{{1,45}}:(?:\s|$)"),
        capitals=re.compile(rf"(?=(?:.*[{capital}]){{4}}){sign}(?: {sign}){{0,4}} ?:?"),
        inline=re.compile(rf"(?<=[.;!?])[ \t]+(?=(?-i:[{capital}]))(?=(?:{sections})\s*:)", re.IGNORECASE),
    )


@dataclass(frozen=True)
class _Line:
    """A line without its heading and bullet.

    Attributes:
        section: the heading it stands under.
        text: what is left of it.
        starts: it opens with a heading, a bullet or a label, and so goes on from no other line.
    """

    section: str
    text: str
    starts: bool


def _read_lines(lines: list[str], headings: _Headings, *, is_all_capitals: bool) -> Iterator[_Line]:
    section, previous, last_number = "", "", 0
    for line in lines:
        heading, text = headings.split(line, is_all_capitals=is_all_capitals)
        section = section if heading is None else heading
        item = _ITEM.match(text)
        if item and item["number"]:
            number = int(item["number"])
            if number not in (1, last_number + 1) and previous[-1:] not in _CLOSED:
                item = None  # a wrapped sentence that goes on with a number
            else:
                last_number = number
        text = text[item.end() :] if item else text
        starts = heading is not None or item is not None or headings.label.match(text) is not None
        yield _Line(section, text, starts)
        previous = text


def _goes_on(previous: str, line: str, wrap: int) -> bool:
    """Whether a line continues the one before: it was cut at the margin, or no sentence can start like this."""
    if not previous or not line or _RULER.fullmatch(line):
        return False
    return len(previous) >= wrap or not line[0].isupper()
