"""From a radiology report to its sentences: the layout first, then sentence ends by rules or by stanza.

Reports are dictated, wrapped, bulleted and headed by hand, so the layout is taken apart here for either splitter:
lines that name the patient go, headings go, wrapped lines are joined, list items stand alone.
"""

from __future__ import annotations

import os
import pickle
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol

from preprocess.errors import PreprocessError

__all__ = [
    "Block",
    "RuleSplitter",
    "Splitter",
    "StanzaSplitter",
    "choose_splitter",
    "report_blocks",
    "split_sentences",
    "without_identifiers",
]

_SECTIONS = (
    r"(?:cardiac |extra-?cardiac |non-?cardiac |additional |incidental )?findings?|(?:final )?impressions?"
    r"|conclusions?|summary|opinion|interpretation|results?|measurements?|comments?|addendum|report|recommendations?"
    r"|(?:clinical )?indications?(?: for (?:study|exam\w*))?|reason for (?:study|exam\w*)"
    r"|(?:patient |clinical |medical |brief )?history|clinical (?:information|data|details|question|background)"
    r"|technique|procedure|protocol|comparisons?|exam(?:ination)?|study|contrast"
)
_SECTION = re.compile(rf"(?P<name>{_SECTIONS})\s*:\s*(?P<rest>.*)", re.IGNORECASE)
_BARE_SECTION = re.compile(_SECTIONS, re.IGNORECASE)
_CAPITALS = re.compile(r"(?=(?:.*[A-Z]){4})[A-Z/&()-]+(?: [A-Z/&()-]+){0,4} ?:?")  # on a line of its own
_LABEL = re.compile(r"[A-Z][\w /&().%,-]{1,45}:(?:\s|$)")
_ITEM = re.compile(r"(?:[-–*•·▪‣]+\s+|\(?(?P<number>\d{1,2})[.)]\s+)(?=\S)")
_RULER = re.compile(r"[\W_]+")

# What names a person or a visit; the value ends with the line, or at the next section of a one-line report.
_IDENTIFIER = re.compile(
    r"\b(?:patient(?:'s)?(?: name| id| identifier| no\.?| number)?|(?:last |first |family |given )?name|mrn"
    r"|(?:medical record|hospital|nhs|accession)(?: number| no\.?| id)?|d\.?o\.?b\.?|date of birth|birth ?date"
    r"|ssn|social security(?: number)?|address|phone|telephone|fax|e-?mail"
    r"|(?:date|time) of (?:exam\w*|study|service|scan|report)|(?:exam|study|scan|report|visit)? ?date(?:/time)?"
    r"|(?:referring|ordering|requesting|attending|reading) (?:physician|doctor|provider|clinician|radiologist)"
    r"|radiologist|cardiologist|(?:electronically |digitally )?signed(?: by| on)?"
    r"|(?:reported|dictated|transcribed|interpreted|reviewed|approved|verified|read) (?:by|on|at))\s*[:#]"
    rf"(?:(?!\b(?:{_SECTIONS})\s*:).)*",
    re.IGNORECASE,
)
_SIGNATURE = re.compile(
    r"^\W*(?:signed|dictated|transcribed|verified|reported) (?:by|on)\b.*|\b(?:electronic|digit)ally signed\b.*",
    re.I,
)
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DATE = re.compile(
    r"\b(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/]\d{1,2}[-/](?:19|20)?\d\d|\d{1,2}\.\d{1,2}\.(?:19|20)\d\d"
    rf"|\d{{1,2}}(?:st|nd|rd|th)?[ -]{_MONTH},?[ -](?:19|20)\d\d"
    rf"|{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? (?:19|20)\d\d)\b",
    re.IGNORECASE,
)

_ALWAYS = re.compile(r"(?:dr|mr|mrs|ms|prof|vs|e\.g|eg|i\.e|approx|cf|ca|fig|figs|incl|esp|viz|st|resp)")
_BEFORE_NUMBER = re.compile(r"(?:nos?|ser|im|img|vol|pp?|min|max|avg|seg|grade|class|type|.*\d)")
_END = re.compile(r"[.!?]+[\"')\]]*\s+(?=[\"'(\[]?[A-Z0-9<>~])|(?<=[a-z]{3})\.(?=[A-Z][a-z])")
_INLINE_SECTION = re.compile(rf"(?<=[.;!?])[ \t]+(?=(?-i:[A-Z]))(?=(?:{_SECTIONS})\s*:)", re.IGNORECASE)
_INLINE_ITEM = re.compile(r"(?<=[.;])\s+\(?\d{1,2}[.)]\s+(?=[A-Z])")


@dataclass(frozen=True)
class Block:
    """A paragraph, list item or labelled line, on one line, with the heading it stands under.

    Attributes:
        section: the heading in lower case; empty before the first one.
        text: never empty.
    """

    section: str
    text: str


def without_identifiers(text: str, known: Sequence[str] = ()) -> str:
    """Drop lines and fields that name the patient or the visit, dates, and the numbers given in `known`.

    This is a safety net, not a de-identification: reports are to be de-identified before they come here.
    """
    for value in known:
        if len(value.strip()) >= 4:
            text = re.sub(rf"(?<!\w){re.escape(value.strip())}(?!\w)", " ", text, flags=re.IGNORECASE)
    lines = (_SIGNATURE.sub("", _IDENTIFIER.sub("", line)) for line in text.splitlines())
    return _DATE.sub("date", "\n".join(lines))


def report_blocks(text: str) -> list[Block]:
    """Take the layout of a report apart: headings, wrapped lines, lists and labelled lines."""
    lines = [" ".join(line.split()) for line in _INLINE_SECTION.sub("\n", text).splitlines()]
    capitals = None if text.isupper() else _CAPITALS
    wrap = max(40, int(0.6 * max(map(len, lines), default=0)))
    blocks: list[Block] = []
    section, open_line, item = "", "", 0
    for line in lines:
        heading, rest = _heading(line, capitals)
        section = section if heading is None else heading
        match = _ITEM.match(rest)
        if match and match["number"] and int(match["number"]) not in (1, item + 1) and _is_open(open_line):
            match = None  # a wrapped sentence that goes on with a number
        item = int(match["number"]) if match and match["number"] else item
        rest = rest[match.end() :] if match else rest
        starts = match is not None or heading is not None or _LABEL.match(rest) is not None
        if blocks and not starts and _goes_on(open_line, rest, wrap):
            blocks[-1] = Block(section, f"{blocks[-1].text} {rest}")
        elif rest and not _RULER.fullmatch(rest):
            blocks.append(Block(section, rest))
        open_line = rest
    return [block for block in blocks if any(sign.isalpha() for sign in block.text)]


def _heading(line: str, capitals: re.Pattern[str] | None) -> tuple[str | None, str]:
    """The heading a line opens with (None: it does not) and the rest of the line."""
    match = _SECTION.match(line)
    if match:
        return match["name"].lower(), match["rest"]
    bare = line.rstrip(" :")
    alone = _BARE_SECTION.fullmatch(bare) or _LABEL.fullmatch(line) or (capitals and capitals.fullmatch(line))
    if alone:
        return bare.lower(), ""
    return None, line


def _is_open(line: str) -> bool:
    return bool(line) and line[-1] not in ".!?:;"


def _goes_on(previous: str, line: str, wrap: int) -> bool:
    """Whether a line continues the one before: it was cut at the margin, or no sentence can start like this."""
    if not previous or not line or _RULER.fullmatch(line):
        return False
    return len(previous) >= wrap or not line[0].isupper()


def split_sentences(text: str) -> list[str]:
    """Split one block at the ends of its sentences."""
    return [part for chunk in _INLINE_ITEM.split(text) for part in _ended(chunk.strip()) if _is_sentence(part)]


def _is_sentence(text: str) -> bool:
    letters = "".join(filter(str.isalpha, text))
    return len(letters) >= 2 and letters != "date"


def _ended(text: str) -> Iterator[str]:
    start = 0
    for match in _END.finditer(text):
        if not _is_abbreviation(text[start : match.start()], text[match.end()]):
            yield text[start : match.end()].strip()
            start = match.end()
    yield text[start:].strip()


def _is_abbreviation(before: str, following: str) -> bool:
    """Whether the full stop after `before` belongs to an abbreviation, or to a number such as `3. 5`."""
    word = before.rpartition(" ")[2].lstrip("([\"'").lower()
    return bool(_ALWAYS.fullmatch(word) or (following.isdigit() and _BEFORE_NUMBER.fullmatch(word)))


class Splitter(Protocol):
    """Finds the sentences of a report's blocks."""

    name: str

    def split(self, blocks: Sequence[str]) -> list[str]:
        """Sentences in order."""


class RuleSplitter:
    """The rules of this module; change the name when they change, since it is recorded with every index."""

    name = "rules-1"

    def split(self, blocks: Sequence[str]) -> list[str]:
        """Sentences in order."""
        return [sentence for block in blocks for sentence in split_sentences(block)]


class StanzaSplitter:
    """stanza's neural tokenizer from local models; never fetches anything.

    Args:
        folder: stanza's resources, with `resources.json` and `en/tokenize/*.pt`.
    """

    def __init__(self, folder: Path) -> None:
        import stanza  # imports torch

        self.name = f"stanza-{stanza.__version__}"
        try:
            self._pipeline: Any = stanza.Pipeline(
                "en", dir=str(folder), processors="tokenize", download_method=None, logging_level="ERROR"
            )
        except (OSError, ValueError, KeyError, pickle.UnpicklingError) as error:
            raise PreprocessError(
                f"stanza cannot use its models in {folder}: {type(error).__name__}",
                "copy a complete stanza_resources folder there, or use --splitter rules",
            ) from None

    def split(self, blocks: Sequence[str]) -> list[str]:
        """Sentences in order; a blank line between blocks is a sentence end for stanza."""
        document = self._pipeline("\n\n".join(blocks))
        texts = (" ".join(str(sentence.text).split()) for sentence in document.sentences)
        return [text for text in texts if _is_sentence(text)]


def _stanza_folder(folder: Path | None) -> Path | None:
    """The folder with stanza's English tokenizer, looked for without importing stanza (it imports torch)."""
    cached = sorted((Path.home() / ".cache" / "stanza").glob("*/resources"), reverse=True)
    environment = os.environ.get("STANZA_RESOURCES_DIR", "")
    usual = [*([Path(environment)] if environment else []), *cached, Path.home() / "stanza_resources"]
    for candidate in [folder] if folder else usual:
        if (candidate / "resources.json").is_file() and any((candidate / "en" / "tokenize").glob("*.pt")):
            return candidate
    return None


def choose_splitter(kind: str, folder: Path | None = None) -> tuple[Splitter, str]:
    """The splitter and why it was chosen.

    Args:
        kind: `rules`, `stanza`, or `auto`: stanza where its models are found, else rules.
        folder: stanza's resources; None looks in the usual places.

    Raises:
        PreprocessError: stanza was asked for and its models or the package are not here.
    """
    if kind == "rules":
        return RuleSplitter(), "as asked"
    found = _stanza_folder(folder)
    try:
        version("stanza")
    except PackageNotFoundError:
        found, missing = None, "the package stanza is not installed"
    else:
        missing = f"no English stanza models in {folder or 'the usual places'}"
    if found:
        return StanzaSplitter(found), f"models in {found}"
    if kind == "stanza":
        raise PreprocessError(missing, "give their folder with --stanza-dir, or use --splitter rules")
    return RuleSplitter(), missing
