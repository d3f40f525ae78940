r"""What a series description says about the view: general word patterns, no list of names.

A description is first brought into one form, in which every word stands alone: `tfisp_cine_4CH(STACK)` becomes
`tfisp cine 4 ch stack`, and every spelling of the short axis becomes `sax`. Exclusions come before views.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from preprocess.views import View

__all__ = ["Decision", "by_description", "normalise"]


@dataclass(frozen=True)
class Decision:
    """A view or None, how sure (0–1), and why, in words that hold nothing of the description itself.

    Attributes:
        final: nothing may overrule it, the series was recognised as something else.
        primary: this alone is enough to call the series the standard cine of its view; where it is not (repeats,
            stacks of a long axis, free breathing …), conversion uses the series if there is none better.
        tier: higher tiers are preferred: 3 named, 2 by geometry or as outflow tract, 1 a lesser variant.
    """

    view: View | None
    confidence: float
    reason: str
    final: bool = False
    primary: bool = True
    tier: int = 3


_SAX = (
    r"(?:short ?ax(?:is|es|e)?|sh ?ax(?:is)?|s ?ax|sa ?xs?|saxs?|sa|petit axe|kurze? ?achse|eje corto|asse corto"
    r"|eixo curto|korte as)"
)
_CHAMBER = r"(?:ch|chb?|chs|chamb?|chambers?|cv|cav|cavites?|kammer\w*|kb|kam|kamer\w*|cam|camaras?|camere|c)"
_CINE = r"cine|fiesta|b ?ffe|b ?tfe|ssfp|retro|kine|kino|cines"

# What each exclusion is called, and the words that betray it. The order decides which reason is given.
_EXCLUSIONS: tuple[tuple[str, str], ...] = (
    ("overlay or derived result", r"inline|vf|result\w*|processed|screen ?shots?|summary|report|secondary"),
    (
        "localiser or scout",
        r"loc\w*|lokal\w*|\w*scouts?|survey\w*|surv|3 (?:p|pl|plane)|pilot|planning|reperage|calibration|define\w*"
        r"|tumble",
    ),
    ("test or trial scan", r"tests?|try|trial|dev|approx|v?wip"),
    (
        "phase contrast (flow)",
        r"\w*flow\w*|venc\w*|p ?c|phase contrast|\w*velocit\w*|4 d\w*|5 d|vec|qp|qs|inflow|fast pc",
    ),
    ("tagging", r"m?tags?|tagging|\w*grid\w*|spamm|c spamm|harp|dense"),
    (
        "delayed enhancement",
        r"\w*psir\w*"
        r"|de(?! (?:la|le|l|los|las|v|vi|vg|ventr\w*)\b)"
        r"|d[hm]e|m ?de|ps ?mde|\w*mde|lge|rehaussement|tardif|spat\w*|delay\w*|enhanc\w*|\w*viab\w*|ti|mag|ps",
    ),
    ("inversion recovery", r"[a-z]?ir(?: ?p| ?tfe| ?fse| ?epi)?|look ?locker|ll"),
    (
        "tissue mapping",
        r"t [12]\w*|r ?2"
        r"|\w*map|mapping|\w*molli|sasha|dixon|\w*mfgre|m?grase|me|\w*echo|\d+ ec|ec|moco|star|mer?ge",
    ),
    ("perfusion", r"perf\w*|first pass|mp|adenos\w*|dyn\w*|regadenoson"),
    ("black blood or spin echo", r"\w*[tf]se|haste|\w*blade|bb|db|dark|black|blood|stir|spair|se"),
    (
        "vessel, valve or other part",
        r"aort\w*|ao|aao|m ?pa|[rl]? ?pa|pulm\w*|valves?|av|mv|tv|mitral\w*|tricusp\w*|outlet|liver|chest|mra"
        r"|angio\w*|svc|ivc|caval|pv|vein\w*|coronar\w*|arch|atri\w*|orifice|root|lung|thora\w*|abdom\w*"
        r"|bifurcation|pericard\w*",
    ),
    ("right ventricle only", r"rvot|rvit|(?<!lv )rv(?! lv)"),
    ("axial, coronal or sagittal plane", r"ax|axial|axials?|tra|trans\w*|sag\w*|cor|coro|coronal|oax"),
    (
        "real-time or ungated cine",
        r"real ?time|rt|kt|interactive|non ?trig\w*|un ?gated|non gated|free ?breath\w*|spiral",
    ),
    ("three-dimensional or static scan", r"3 d\w*|vibe|lava|nav\w*|ss|sshot|single ?shot|mip|reference|ref"),
)
_COMPILED = tuple((name, re.compile(rf"\b(?:{pattern})\b")) for name, pattern in _EXCLUSIONS)
_STILL_BALANCED = re.compile(r"\btru ?fi(?: ?sp)?\b|\btrue ?fisp\b|\btf ?i(?: ?sp)?\b")
_LEVEL = re.compile(r"\b(?:mid|base|basal|apex|apical)\b")
# Series of the right view that are seldom the standard cine of a study.
_VARIANTS: tuple[tuple[str, re.Pattern[str], float], ...] = (
    ("free breathing", re.compile(r"\bn ?bh\b"), 0.5),
    ("spoiled gradient echo", re.compile(r"\b(?:f?spgr|spr|gre|flash|fl 2 d|t ?fl)\b"), 0.5),
    ("accelerated in few shots", re.compile(r"\b(?:cs|\d shots?)\b"), 0.5),
    ("function scan without the word cine", re.compile(r"^(?!.*\bcine\b).*\bfunct\w*"), 0.6),
    ("stack of long axes", re.compile(r"\bstack\b"), 0.6),
    ("a repeat", re.compile(r"\b(?:repeat\w*|rpt|redo)\b|\bbh [2-9]$"), 0.95),
)
_VIEWS: tuple[tuple[View, str], ...] = (
    (View.CH4, rf"4 {_CHAMBER}|(?:four|quatre|vier|cuatro|quattro|quatro) ?{_CHAMBER}|vierkammer\w*|hla"),
    (View.CH3, rf"3 {_CHAMBER}|(?:three|trois|drei|tres|tre) ?{_CHAMBER}|dreikammer\w*|aplax"),
    (View.CH2, rf"2 {_CHAMBER}|(?:two|deux|zwei|dos|due) ?{_CHAMBER}|zweikammer\w*|vla"),
    (View.SAX, r"sax"),
)
_VIEW_PATTERNS = tuple((view, re.compile(rf"\b(?:{pattern})\b")) for view, pattern in _VIEWS)
_WORDS = {
    View.CH4: "four-chamber",
    View.CH3: "three-chamber",
    View.CH2: "two-chamber",
    View.SAX: "short-axis",
}


def normalise(description: str) -> str:
    """Lower-case words, split at signs, at digits and at a change from small to capital letters."""
    plain = unicodedata.normalize("NFKD", description).encode("ascii", "ignore").decode()  # é becomes e
    words = re.sub(r"([a-z])([A-Z])", r"\1 \2", plain)
    words = re.sub(r"[^a-z0-9]+", " ", words.lower())
    words = re.sub(r"(?<=[a-z])(?=\d)|(?<=\d)(?=[a-z])", " ", words)
    words = re.sub(r"\s+", " ", words).strip()
    return re.sub(rf"\b{_SAX}\b", "sax", words)


def by_description(description: str) -> Decision:
    """Judge a series by its description alone.

    Args:
        description: SeriesDescription (or ProtocolName) as written by the scanner.
    """
    words = normalise(description)
    if not words:
        return Decision(None, 0.0, "no description")
    for name, pattern in _COMPILED:
        if pattern.search(words):
            return Decision(None, 0.95, f"description: {name}", final=True)
    return _positive(words)


def _positive(words: str) -> Decision:
    has_cine = re.search(rf"\b(?:{_CINE})\b", words) is not None
    if _STILL_BALANCED.search(words) and not has_cine:
        return Decision(None, 0.7, "description: balanced SSFP without the word cine (a still image)")
    found = [view for view, pattern in _VIEW_PATTERNS if pattern.search(words)]
    if len(found) > 1:
        return Decision(None, 0.5, "description: names several views")
    if not found:
        return _outflow_tract(words, has_cine)
    if not has_cine and _LEVEL.search(words):
        return Decision(None, 0.6, "description: a single level without the word cine")
    name = f"description: {_WORDS[found[0]]}"
    for variant, pattern, confidence in _VARIANTS:
        is_long_axis_stack = variant != "stack of long axes" or found[0] is not View.SAX
        if is_long_axis_stack and pattern.search(words):
            tier = 3 if confidence > 0.8 else 1
            return Decision(found[0], confidence, f"{name}, {variant}", primary=False, tier=tier)
    return Decision(found[0], 0.95 if has_cine else 0.8, name)


def _outflow_tract(words: str, has_cine: bool) -> Decision:
    """A cine of the outflow tract counts as 3CH; a "segmented" one is the plane across it, beside a true 3CH."""
    if not (has_cine and re.search(r"\blvot\b", words)):
        return Decision(None, 0.0, "description: names no view")
    is_primary = "segmented" not in words
    reason = "description: outflow tract, counted as three-chamber"
    return Decision(View.CH3, 0.7 if is_primary else 0.4, reason, primary=is_primary, tier=2 if is_primary else 1)
