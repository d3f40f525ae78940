"""Regular expressions from outside, limited to those that cannot take long.

The time of a search is bounded by what is allowed: no repeated groups, at most two open ends (cubic in the 200 letters
of a name) and few choices (a factor of 2 each). Lookaround and back-references aren't needed for names.
"""

from __future__ import annotations

import re
from itertools import pairwise

from preprocess.errors import PreprocessError

__all__ = ["safe_pattern"]

_LONGEST = 120
_MOST_OPEN_ENDS = 2
_MOST_CHOICES = 6
_TOKEN = re.compile(r"\\[bBdDsSwW]|\\[^A-Za-z0-9]|\[(?:\\.|[^\]\\])+\]|\(\?:|[()|^$.]|[?*+]|\{\d*,?\d*\}|[A-Za-z0-9 ]")


def safe_pattern(text: str, where: str) -> re.Pattern[str]:
    """Compile a pattern over the normal form of names; case does not count.

    Args:
        text: the pattern.
        where: what an error names: file and entry.

    Raises:
        PreprocessError: empty, too long, no regular expression, or one that could take long.
    """
    if not text.strip() or len(text) > _LONGEST:
        raise PreprocessError(f"{where}: pattern is empty or longer than {_LONGEST}", "use several rules")
    problem, remedy = _problem(text)
    if problem:
        raise PreprocessError(f"{where}: pattern {problem}", remedy)
    try:
        return re.compile(text, re.IGNORECASE | re.ASCII)
    except (re.error, OverflowError, RecursionError) as error:
        raise PreprocessError(f"{where}: pattern is not a regular expression: {error}") from None


def _problem(text: str) -> tuple[str, str]:
    """What keeps a pattern from being used, and the remedy; two empty texts if nothing does."""
    parts = _TOKEN.findall(text)
    if "".join(parts) != text:
        return (
            "holds something other than letters, digits, spaces and | ( ) [ ] ^ $ . ? * + { }",
            "names are brought to small letters and digits, in words with one space between them; see docs/views.md",
        )
    if any(before == ")" and _repeats(part) for before, part in pairwise(parts)):
        return "repeats a group", "only ? may follow a bracket"
    if _has_digit_beside_letter(parts):
        return "has a digit beside a letter, which no name has in its normal form", "write '4 ch' for 4CH"
    open_ends = sum(map(_repeats, parts))
    choices = open_ends + sum(part in {"?", "|"} for part in parts)
    if open_ends > _MOST_OPEN_ENDS or choices > _MOST_CHOICES:
        limits = f"more than {_MOST_OPEN_ENDS} of * + {{n}}, or {_MOST_CHOICES} of these with ? and |"
        return f"could take long ({limits})", "use several rules; a pattern is searched anywhere in a name"
    return "", ""


def _has_digit_beside_letter(parts: list[str]) -> bool:
    literal = "".join(part if len(part) == 1 else "\x00" for part in parts)
    return re.search(r"[0-9][A-Za-z]|[A-Za-z][0-9]", literal) is not None


def _repeats(part: str) -> bool:
    return part in {"*", "+"} or part.startswith("{")
