"""A report without what names its patient: a safety net, not a de-identification.

Reports are to be de-identified before they come here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from preprocess.reports.language.english import ENGLISH
from preprocess.reports.language.language import Language

__all__ = ["without_identifiers"]

_SHORTEST = 4  # signs of a number that is looked for everywhere; shorter ones occur by chance


def without_identifiers(text: str, known: Sequence[str] = (), language: Language = ENGLISH) -> str:
    """Drop lines and fields that name the patient or the visit, dates, and the numbers given in `known`.

    Args:
        text: the report.
        known: real identifiers of its patient and study.
        language: of the report.
    """
    for value in known:
        if len(value.strip()) >= _SHORTEST:
            text = re.sub(rf"(?<!\w){re.escape(value.strip())}(?!\w)", " ", text, flags=re.IGNORECASE)
    identifier, signature, date = _patterns(language)
    lines = (signature.sub("", identifier.sub("", line)) for line in text.splitlines())
    return date.sub(language.date_word, "\n".join(lines))


@cache
def _patterns(language: Language) -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    """An identifier with its value, a signature, a date.

    The value of an identifier ends with the line, or at the next section of a report that is all one line.
    """
    value = rf"(?:(?!\b(?:{language.sections})\s*:).)*"
    return (
        re.compile(rf"\b(?:{language.identifiers})\s*[:#]{value}", re.IGNORECASE),
        re.compile(language.signature, re.IGNORECASE),
        re.compile(language.date, re.IGNORECASE),
    )
