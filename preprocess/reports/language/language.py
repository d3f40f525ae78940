"""A language of reports: its words and patterns, which the rules for layout, sentences and LVEF are made of.

A language is data. Its strings are regular expressions, or the alternatives of one (`a|b|c`), and are matched ignoring
case; how they are put together is written where they are used: `cleaning`, `layout`, `splitting` and `labels.lvef`.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["NOTHING", "Language", "LvefGrammar"]

NOTHING = r"(?!)"  # the pattern that matches nowhere


@dataclass(frozen=True)
class LvefGrammar:
    """How a language states the ejection fraction of the left ventricle.

    Attributes:
        aside: parts of the headings (in lower case) under which nothing is said of this examination.
        findings: part of the heading whose statement counts before all others.
        term: pattern of LVEF and its other names. Group `chamber` is the chamber that the term names itself; group
            `pair` is a second term that shares its verb, as in `LVEF and RVEF are 55 % and 48 %`. Both may be empty.
        chamber: pattern of anything that names a chamber.
        left: pattern of how the name of a left ventricle begins.
        both: pattern of what names both ventricles at once.
        normal_aside: pattern of a bracket that holds a normal range.
        gap_words: alternatives of the words that may stand between a term and its number.
        range_words: alternatives of the words between the two ends of a range, beside a dash.
        percent: words for `%`, in lower case.
        units: alternatives of the units of other numbers.
        other_first: pattern before a term whose first number is another chamber's.
        normal_range: pattern before a term that is followed by a normal range.
        change: pattern before a number that is a difference.
        earlier: pattern of an earlier examination.
        compared: pattern before an earlier examination that is only compared with.
        veto_before: pattern of anything else before a term that makes it no statement about this examination.
        veto_after: pattern of what makes it none directly after its number.
    """

    aside: tuple[str, ...]
    findings: str
    term: str
    chamber: str
    left: str
    gap_words: str
    range_words: str
    percent: tuple[str, ...]
    units: str
    both: str = NOTHING
    normal_aside: str = NOTHING
    other_first: str = NOTHING
    normal_range: str = NOTHING
    change: str = NOTHING
    earlier: str = NOTHING
    compared: str = NOTHING
    veto_before: str = NOTHING
    veto_after: str = NOTHING


@dataclass(frozen=True)
class Language:
    """A language of reports.

    Attributes:
        name: what `--language` takes and a sentence index records, such as `english`.
        code: of stanza's models, such as `en`.
        sections: alternatives of the headings of a report, without the colon.
        identifiers: alternatives of the fields that name a patient, a visit or a reader, without the colon.
        signature: pattern of a signature; all that it matches is removed from its line.
        date: pattern of a date.
        abbreviations: alternatives of what stands, in lower case, between a blank and a full stop that ends no
            sentence. They may hold blanks: `z. B.` has two such full stops, after `z` and after `z. b`.
        before_number: the same, where a number follows.
        date_word: what stands in the place of a date.
        capitals: capital letters, as for a character class: `A-ZÄÖÜ`.
        small: small letters, likewise.
        lvef: how LVEF is stated; None where labels cannot be read from the reports.
    """

    name: str
    code: str
    sections: str
    identifiers: str
    signature: str
    date: str
    abbreviations: str
    before_number: str = r".*\d"
    date_word: str = "date"
    capitals: str = "A-Z"
    small: str = "a-z"
    lvef: LvefGrammar | None = None
