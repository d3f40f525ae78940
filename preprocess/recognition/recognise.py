"""The view of each series of a study: exclusions, the site's rules, its description, then its geometry."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from preprocess.cines.series import Series
from preprocess.recognition.names import Decision, by_description
from preprocess.recognition.planes import Plane, estimate_axis, judge_planes
from preprocess.recognition.site_rules import SiteRules
from preprocess.recognition.words import LONGEST
from preprocess.store.views import View

__all__ = ["decide", "described", "recognise"]

_EXCLUDED_TYPES = {
    "LOCALIZER": "localiser or scout",
    "P": "phase contrast (flow)",
    "PHASE": "phase contrast (flow)",
    "PHASE MAP": "phase contrast (flow)",
    "VELOCITY": "phase contrast (flow)",
    "VELOCITY MAP": "phase contrast (flow)",
    "FLOW_ENCODED": "phase contrast (flow)",
    "T1 MAP": "tissue mapping",
    "T2 MAP": "tissue mapping",
    "T2_STAR": "tissue mapping",
    "PERFUSION": "perfusion",
    "MOCO": "tissue mapping",
    "SCREEN SAVE": "overlay or derived result",
    "PROJECTION IMAGE": "three-dimensional or static scan",
}
_VELOCITY_SEQUENCE = re.compile(r"_v\d+(?:in|ph|rl|ap|fh)", re.IGNORECASE)


def described(description: str, rules: SiteRules | None = None) -> Decision:
    """What a name alone says; where it is `final`, nothing of the series will be stored.

    Args:
        description: SeriesDescription (or ProtocolName).
        rules: the site's own, which come first.
    """
    return _described(description[:LONGEST], rules)


@lru_cache(maxsize=4096)
def _described(description: str, rules: SiteRules | None) -> Decision:
    own = rules.decide(description) if rules else None
    return own or by_description(description)


def decide(series: Series, rules: SiteRules | None = None) -> Decision:
    """What the headers of one series say by themselves, before geometry.

    A site's rules overrule what names say, and never what image type, sequence and colour say.
    """
    image = series.first
    if image.flaw:
        return Decision(None, 1.0, image.flaw, final=True)
    for word in image.image_type:
        if word in _EXCLUDED_TYPES:
            return Decision(None, 0.95, f"image type: {_EXCLUDED_TYPES[word]}", final=True)
    if _VELOCITY_SEQUENCE.search(image.sequence_name):
        return Decision(None, 0.95, "sequence: phase contrast (flow)", final=True)
    return described(image.description, rules)


def recognise(series: Sequence[Series], is_cine: Sequence[bool], rules: SiteRules | None = None) -> list[Decision]:
    """Decide the view of every series of a study.

    Args:
        series: all series of the study.
        is_cine: for each of them, whether any slice has the frames of a cine; others are not judged by geometry.
        rules: the site's own rules about names.
    """
    decisions = [decide(group, rules) for group in series]
    undecided = [index for index, decision in enumerate(decisions) if is_cine[index] and not decision.final]
    judged = [index for index in undecided if decisions[index].view or series[index].is_gated]
    planes = [Plane.of(series[index], decisions[index]) for index in judged]
    _, is_own = estimate_axis(planes)
    for index, seen in zip(judged, judge_planes(planes), strict=True):
        decisions[index] = _settle(decisions[index], seen, is_own)
    for index in set(undecided).difference(judged):
        reason = f"{decisions[index].reason}; no trigger times of one heart beat"
        decisions[index] = replace(decisions[index], reason=reason)
    return decisions


def _settle(decision: Decision, seen: Decision, own_axis: bool) -> Decision:
    """Let geometry fill in what the description leaves open, and doubt what contradicts it."""
    if decision.by_site:
        return decision
    if decision.view is None:
        return replace(seen, reason=f"{decision.reason}; {seen.reason}")
    if (decision.view is View.SAX) != (seen.view is View.SAX) and (own_axis or decision.view is View.SAX):
        doubt = f"{decision.reason}; the plane is not typical of it"
        return replace(decision, confidence=round(decision.confidence * 0.6, 2), reason=doubt)
    return decision
