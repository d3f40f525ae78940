"""What a series description says about the view: exclusions come before views, and nothing is a list of names."""

from __future__ import annotations

from dataclasses import dataclass

from preprocess.recognition import words as view_words
from preprocess.recognition.words import normalise
from preprocess.store.views import View

__all__ = ["Decision", "by_description", "normalise"]


@dataclass(frozen=True)
class Decision:
    """A view or None, how sure (0–1), and why, in words that hold nothing of the description itself.

    Attributes:
        final: nothing may overrule it, the series was recognised as something else.
        primary: this alone is enough to call the series the standard cine of its view; where it is not (repeats,
            stacks of a long axis, free breathing …), conversion uses the series if there is none better.
        tier: higher tiers are preferred: 3 named, 2 by geometry or as outflow tract, 1 a lesser variant.
        by_site: a site's own rule said so; geometry neither changes nor doubts it.
    """

    view: View | None
    confidence: float
    reason: str
    final: bool = False
    primary: bool = True
    tier: int = 3
    by_site: bool = False


_NAMES = {View.CH4: "four-chamber", View.CH3: "three-chamber", View.CH2: "two-chamber", View.SAX: "short-axis"}


def by_description(description: str) -> Decision:
    """Judge a series by its description alone.

    Args:
        description: SeriesDescription (or ProtocolName) as written by the scanner; its first 200 letters count.
    """
    words = normalise(description)
    if not words:
        return Decision(None, 0.0, "no description")
    excluded = view_words.exclusion(words)
    if excluded:
        return Decision(None, 0.95, f"description: {excluded}", final=True)
    return _positive(words)


def _positive(words: str) -> Decision:
    has_cine = view_words.CINE.search(words) is not None
    if view_words.STILL.search(words) and not has_cine:
        return Decision(None, 0.7, "description: balanced SSFP without the word cine (a still image)")
    found = [view for view, pattern in view_words.VIEWS if pattern.search(words)]
    if len(found) > 1:
        return Decision(None, 0.5, "description: names several views")
    if not found:
        return _outflow_tract(words, has_cine)
    if not has_cine and view_words.LEVEL.search(words):
        return Decision(None, 0.6, "description: a single level without the word cine")
    return _variant(words, found[0]) or Decision(
        found[0], 0.95 if has_cine else 0.8, f"description: {_NAMES[found[0]]}"
    )


def _variant(words: str, view: View) -> Decision | None:
    """The decision for a series of the view that is seldom its standard cine."""
    for variant, pattern, confidence in view_words.VARIANTS:
        is_ordinary = view is View.SAX and variant == "stack of long axes"
        if pattern.search(words) and not is_ordinary:
            tier = 3 if confidence > 0.8 else 1
            reason = f"description: {_NAMES[view]}, {variant}"
            return Decision(view, confidence, reason, primary=False, tier=tier)
    return None


def _outflow_tract(words: str, has_cine: bool) -> Decision:
    """A cine of the outflow tract counts as 3CH; a "segmented" one is the plane across it, beside a true 3CH."""
    if not (has_cine and view_words.OUTFLOW.search(words)):
        return Decision(None, 0.0, "description: names no view")
    is_primary = "segmented" not in words
    reason = "description: outflow tract, counted as three-chamber"
    return Decision(View.CH3, 0.7 if is_primary else 0.4, reason, primary=is_primary, tier=2 if is_primary else 1)
