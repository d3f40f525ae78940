"""The LVEF that a report states: a wrong label is worse than a missing one.

Only the text between the term and its number decides, and it may hold nothing but words known to belong there;
what is not understood counts as not stated. The words are the language's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from preprocess.errors import PreprocessError
from preprocess.reports.language.english import ENGLISH
from preprocess.reports.language.language import Language
from preprocess.reports.layout import Block, report_blocks
from preprocess.reports.splitting import split_sentences

__all__ = ["LvefReader", "LvefReading", "read_lvef"]

_AGREEMENT = 5.0  # points that statements of one report may lie apart
_PLAUSIBLE = (5.0, 90.0)  # %
_NUMBER = r"\d{1,3}(?:[.,]\d+)?|[.]\d+"


@dataclass(frozen=True)
class LvefReading:
    """What a report says about the left-ventricular ejection fraction.

    Attributes:
        percent: the value in %, or None.
        reason: why there is none.
    """

    percent: float | None
    reason: str = ""


def read_lvef(report: str, language: Language = ENGLISH) -> LvefReading:
    """The LVEF that a report states for this examination, see `LvefReader.read`."""
    return _reader(language).read(report)


class LvefReader:
    """Reads LVEF from the reports of a language.

    Args:
        language: of the reports.

    Raises:
        PreprocessError: the language has no grammar for LVEF.
    """

    def __init__(self, language: Language) -> None:
        if language.lvef is None:
            raise PreprocessError(
                f"LVEF cannot be read from reports in {language.name}", "give the values with --table and --columns"
            )
        self._language = language
        self._grammar = language.lvef
        self._units = re.compile(rf"(?:{language.lvef.units})(?:/.*)?[²³]?", re.IGNORECASE)
        self._veto_before = re.compile(rf"(?P<then>{language.lvef.earlier})|{language.lvef.veto_before}", re.IGNORECASE)
        # What follows a term: the gap, a number or a range with its uncertainty, and the unit.
        words, ranges = language.lvef.gap_words, language.lvef.range_words
        gap = rf"(?P<gap>(?:\s|[:=,~≈()\[\]|–-]|%|(?<![\w])(?:{words})(?![\w])\.?)*?)"
        percent = "|".join(rf"{word}\b" for word in language.lvef.percent)
        self._value = re.compile(
            rf"{gap}(?<![\w.,/])(?P<low>{_NUMBER})(?:\s?%?\s?(?:-|–|{ranges})\s?(?P<high>{_NUMBER}))?"
            r"(?![\w/]|[.,]\d)(?:\s?(?:±|\+/-)\s?\d+(?:[.,]\d+)?)?\s?"
            rf"(?P<unit>%|{percent}|[A-Za-z]+[/\d\w²³]*)?",
            re.IGNORECASE,
        )

    def read(self, report: str) -> LvefReading:
        """The LVEF that a report states for this examination.

        Values of other chambers, earlier examinations, other modalities, bounds, targets and normal ranges do not
        count. Of several consistent statements the first one under findings is taken.
        """
        stated = [
            (block.section, value) for block in self._about_this_examination(report) for value in self._values(block)
        ]
        if not stated:
            return LvefReading(None, "LVEF not stated")
        values = [value for _, value in stated]
        if max(values) - min(values) > _AGREEMENT:
            return LvefReading(None, f"statements differ by more than {_AGREEMENT:g} points")
        findings = self._grammar.findings
        return LvefReading(next((value for section, value in stated if findings in section), values[0]))

    def _about_this_examination(self, report: str) -> Iterator[Block]:
        """The blocks outside indication, history, technique and the like.

        A report without any other heading goes on without one: there, only the sentence after the heading is left out.
        """
        blocks = report_blocks(report, self._language)
        aside = [any(name in block.section for name in self._grammar.aside) for block in blocks]
        headed = any(block.section and not away for block, away in zip(blocks, aside, strict=True))
        for block, away in zip(blocks, aside, strict=True):
            if not away:
                yield block
            elif not headed:
                yield Block("", " ".join(split_sentences(block.text, self._language)[1:]))

    def _values(self, block: Block) -> Iterator[float]:
        """The values, in %, that the sentences of a block state."""
        context = block.section
        for sentence in split_sentences(block.text, self._language):
            text = re.sub(self._grammar.normal_aside, " ", sentence, flags=re.IGNORECASE)
            for term in re.finditer(self._grammar.term, text, re.IGNORECASE):
                number = self._value.match(text, term.end())
                if number and not self._is_vetoed(text, term, number):
                    value = self._percent(number)
                    if value is not None and self._is_left(term, f"{context} . {text[: term.start()]}"):
                        yield value
            context = f"{context} . {text}"

    def _is_left(self, term: re.Match[str], before: str) -> bool:
        """Whether a term means the left ventricle: it says so, or the chamber named last before it is the left one."""
        named = term["chamber"]
        if not named:
            if term["pair"] or "LVEF" in term[0].upper():
                return True
            before = re.sub(self._grammar.both, "both", before, flags=re.IGNORECASE)
            mentions = [match[0] for match in re.finditer(self._grammar.chamber, before, re.IGNORECASE)]
            if not mentions:
                return True
            named = mentions[-1]
        return re.match(self._grammar.left, named.strip(), re.IGNORECASE) is not None

    def _percent(self, number: re.Match[str]) -> float | None:
        """The value of a number or the middle of a range, in %; None for other units and impossible values."""
        ends = [float(number[name].replace(",", ".")) for name in ("low", "high") if number[name]]
        unit, gap = (number["unit"] or "").lower(), number["gap"].lower()
        signs = ("%", *self._grammar.percent)
        if unit not in signs and not any(sign in gap for sign in signs):
            if self._units.fullmatch(unit):
                return None
            if max(ends) < 1:
                ends = [100 * end for end in ends]
        value = round(sum(ends) / len(ends), 2)
        return value if _PLAUSIBLE[0] <= value <= _PLAUSIBLE[1] else None

    def _is_vetoed(self, text: str, term: re.Match[str], number: re.Match[str]) -> bool:
        """Whether a number is no statement about this examination's LVEF."""
        grammar = self._grammar
        before, after = text[: term.start()], text[number.end() :]
        vetoes = (
            re.search(grammar.other_first, before, re.IGNORECASE),
            number["high"] and re.search(grammar.normal_range, before, re.IGNORECASE),
            re.search(grammar.change, number["gap"], re.IGNORECASE),
            re.match(grammar.veto_after, after, re.IGNORECASE),
        )
        if any(vetoes):
            return True
        for veto in self._veto_before.finditer(before):
            # An earlier examination does not count where the present one is only compared with it.
            compared = re.search(rf"(?:{grammar.compared})$", before[: veto.start()], re.IGNORECASE)
            if veto["then"] is None or compared is None:
                return True
        return False


_reader = cache(LvefReader)
