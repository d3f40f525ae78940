"""From the blocks of a report to its sentences: by rules, or by stanza's neural tokenizer."""

from __future__ import annotations

import os
import pickle
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol

from preprocess.errors import PreprocessError
from preprocess.reports.language.english import ENGLISH
from preprocess.reports.language.language import Language

__all__ = ["RuleSplitter", "Splitter", "StanzaSplitter", "choose_splitter", "split_sentences"]


def split_sentences(text: str, language: Language = ENGLISH) -> list[str]:
    """Split one block at the ends of its sentences."""
    ends = _ends(language)
    parts = (part for chunk in ends.item.split(text) for part in ends.split(chunk.strip()))
    return [part for part in parts if _is_sentence(part, language)]


def _is_sentence(text: str, language: Language) -> bool:
    letters = "".join(filter(str.isalpha, text))
    return len(letters) >= 2 and letters != language.date_word


@dataclass(frozen=True)
class _Ends:
    """Patterns of where sentences end.

    Attributes:
        stop: a possible end, with the blank behind it.
        item: the number of a list item within a line.
        abbreviation: what keeps a full stop from being an end, at the end of a text in lower case.
        before_number: the same, if a number follows.
    """

    stop: re.Pattern[str]
    item: re.Pattern[str]
    abbreviation: re.Pattern[str]
    before_number: re.Pattern[str]

    def split(self, text: str) -> Iterator[str]:
        """The sentences of a text, the last one whether ended or not."""
        start = 0
        for match in self.stop.finditer(text):
            before = text[start : match.start()].lower()
            is_number_next = text[match.end()].isdigit()
            if not (self.abbreviation.search(before) or (is_number_next and self.before_number.search(before))):
                yield text[start : match.end()].strip()
                start = match.end()
        yield text[start:].strip()


@cache
def _ends(language: Language) -> _Ends:
    capital, small = language.capitals, language.small
    word = r"(?:\A|(?<= ))[(\[\"']*"
    return _Ends(
        stop=re.compile(
            rf"[.!?]+[\"')\]]*\s+(?=[\"'(\[]?[{capital}0-9<>~])|(?<=[{small}]{{3}})\.(?=[{capital}][{small}])"
        ),
        item=re.compile(rf"(?<=[.;])\s+\(?\d{{1,2}}[.)]\s+(?=[{capital}])"),
        abbreviation=re.compile(rf"{word}(?:{language.abbreviations})\Z"),
        before_number=re.compile(rf"{word}(?:{language.before_number})\Z"),
    )


class Splitter(Protocol):
    """Finds the sentences of a report's blocks.

    Attributes:
        name: recorded with every index.
        language: of the reports.
    """

    name: str
    language: Language

    def split(self, blocks: Sequence[str]) -> list[str]:
        """Sentences in order."""


class RuleSplitter:
    """The rules of this module; change the name when they change, since it is recorded with every index."""

    name = "rules-1"

    def __init__(self, language: Language = ENGLISH) -> None:
        self.language = language

    def split(self, blocks: Sequence[str]) -> list[str]:
        """Sentences in order."""
        return [sentence for block in blocks for sentence in split_sentences(block, self.language)]


class StanzaSplitter:
    """stanza's neural tokenizer from local models; never fetches anything.

    Args:
        folder: stanza's resources, with `resources.json` and `<code>/tokenize/*.pt`.
        language: of the reports.
    """

    def __init__(self, folder: Path, language: Language = ENGLISH) -> None:
        import stanza  # imports torch

        self.name = f"stanza-{stanza.__version__}"
        self.language = language
        try:
            self._pipeline: Any = stanza.Pipeline(
                language.code, dir=str(folder), processors="tokenize", download_method=None, logging_level="ERROR"
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
        return [text for text in texts if _is_sentence(text, self.language)]


def _stanza_folder(folder: Path | None, code: str) -> Path | None:
    """The folder with stanza's tokenizer of a language, looked for without importing stanza (it imports torch)."""
    cached = sorted((Path.home() / ".cache" / "stanza").glob("*/resources"), reverse=True)
    environment = os.environ.get("STANZA_RESOURCES_DIR", "")
    usual = [*([Path(environment)] if environment else []), *cached, Path.home() / "stanza_resources"]
    for candidate in [folder] if folder else usual:
        if (candidate / "resources.json").is_file() and any((candidate / code / "tokenize").glob("*.pt")):
            return candidate
    return None


def choose_splitter(kind: str, folder: Path | None = None, language: Language = ENGLISH) -> tuple[Splitter, str]:
    """The splitter and why it was chosen.

    Args:
        kind: `rules`, `stanza`, or `auto`: stanza where its models are found, else rules.
        folder: stanza's resources; None looks in the usual places.
        language: of the reports.

    Raises:
        PreprocessError: stanza was asked for and its models or the package are not here.
    """
    if kind == "rules":
        return RuleSplitter(language), "as asked"
    found = _stanza_folder(folder, language.code)
    try:
        version("stanza")
    except PackageNotFoundError:
        found, missing = None, "the package stanza is not installed"
    else:
        missing = f"no {language.name.capitalize()} stanza models in {folder or 'the usual places'}"
    if found:
        return StanzaSplitter(found, language), f"models in {found}"
    if kind == "stanza":
        raise PreprocessError(missing, "give their folder with --stanza-dir, or use --splitter rules")
    return RuleSplitter(language), missing
