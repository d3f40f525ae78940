"""The view of each series of a study: exclusions, then its description, then its geometry."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from preprocess.geometry import Vector
from preprocess.series import Series
from preprocess.view_geometry import by_geometry, is_short_axis_of, long_axis
from preprocess.view_rules import Decision, by_description
from preprocess.views import View

__all__ = ["decide", "described", "recognise"]

described = lru_cache(maxsize=4096)(by_description)

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


def decide(series: Series) -> Decision:
    """What the headers of one series say by themselves, before geometry."""
    image = series.first
    if image.flaw:
        return Decision(None, 1.0, image.flaw, final=True)
    for word in image.image_type:
        if word in _EXCLUDED_TYPES:
            return Decision(None, 0.95, f"image type: {_EXCLUDED_TYPES[word]}", final=True)
    if _VELOCITY_SEQUENCE.search(image.sequence_name):
        return Decision(None, 0.95, "sequence: phase contrast (flow)", final=True)
    return described(image.description)


def recognise(series: Sequence[Series], is_cine: Sequence[bool]) -> list[Decision]:
    """Decide the view of every series of a study.

    Args:
        series: all series of the study.
        is_cine: for each of them, whether any slice has the frames of a cine; others are not judged by geometry.
    """
    decisions = [decide(one) for one in series]
    pairs = list(zip(series, decisions, is_cine, strict=True))
    normals = [one.normal for one, decision, cine in pairs if cine and _is_named_sax(one, decision)]
    if not normals:
        normals = [one.normal for one, decision, cine in pairs if cine and _is_sax_plane(one, decision)]
        decisions = [_settle_sax(*pair) for pair in pairs]
        pairs = list(zip(series, decisions, is_cine, strict=True))
    axis, own_axis = long_axis(normals), bool(normals)
    return [_settle(one, decision, cine, axis, own_axis) for one, decision, cine in pairs]


def _is_named_sax(series: Series, decision: Decision) -> bool:
    return decision.view is View.SAX and decision.tier == 3 and is_short_axis_of(series.first.orientation)


def _is_sax_plane(series: Series, decision: Decision) -> bool:
    if decision.final or decision.view is not None:
        return False
    return by_geometry(series.first.orientation, long_axis([]), own_axis=False).view is View.SAX


def _settle_sax(series: Series, decision: Decision, cine: bool) -> Decision:
    """Without a named short axis, planes near the population's short axis are taken as one."""
    if not cine or not _is_sax_plane(series, decision):
        return decision
    seen = by_geometry(series.first.orientation, long_axis([]), own_axis=False)
    return replace(seen, reason=f"{decision.reason}; {seen.reason}")


def _settle(series: Series, decision: Decision, cine: bool, axis: Vector, own_axis: bool) -> Decision:
    """Let geometry fill in what the description leaves open, and doubt what contradicts it."""
    if decision.final or not cine:
        return decision
    seen = by_geometry(series.first.orientation, axis, own_axis=own_axis)
    if decision.view is None:
        return replace(seen, reason=f"{decision.reason}; {seen.reason}")
    if (decision.view is View.SAX) != (seen.view is View.SAX) and (own_axis or decision.view is View.SAX):
        doubt = f"{decision.reason}; the plane is not typical of it"
        return replace(decision, confidence=round(decision.confidence * 0.6, 2), reason=doubt)
    return decision
