"""The LVEF that a report states: a wrong label is worse than a missing one.

Only the text between the term and its number decides, and it may hold nothing but words known to belong there;
what is not understood counts as not stated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from preprocess.reports.splitting import Block, report_blocks, split_sentences

__all__ = ["LvefReading", "read_lvef"]

_AGREEMENT = 5.0  # points that statements of one report may lie apart
_PLAUSIBLE = (5.0, 90.0)  # %
_OTHER_SECTIONS = (
    "indication",
    "history",
    "clinical",
    "reason",
    "comparison",
    "technique",
    "protocol",
    "procedure",
)

# A term, with the chamber that it names itself.
_TERM = re.compile(
    r"(?P<chamber>\b(?:LV|RV|LA|RA)[ -]?|\b(?:left|right)[ -](?:ventric\w*|atri\w*) (?:global )?(?:systolic )?)?"
    r"(?:(?<=[LR][VA])|\b)(?:EF\b|ejection[ -]fraction)(?: ?\((?:LV|RV)?EF\))?(?P<pair> ?(?:and|&|/) ?RV[ -]?EF)?",
    re.IGNORECASE,
)
_CHAMBER = re.compile(r"\b(?:LV|RV|LA|RA)(?:[A-Z]*)\b|\b(?:left|right)[ -](?:sided )?(?:ventric|atri)", re.I)
_BOTH = re.compile(r"\bleft and right|\bboth ventricles|\bbiventricular", re.IGNORECASE)
_ASIDE = re.compile(r"[(\[](?:normal|reference|ref\.?|nl\.?|range)\b[^)\]]*[)\]]", re.IGNORECASE)

# What may stand between a term and its number.
_GAP_WORDS = (
    r"is|was|are|were|of|at|to|be|has|have|had|been|and|both|with|an?|the|by|on|using|as|now|currently|today|again"
    r"|still|remains?|remained|measures?|measured|measuring|calculates?|calculated|estimated|quantified|computed"
    r"|assessed|derived|approximately|approx|about|around|roughly|circa|ca|just|only|value|severely|moderately"
    r"|mildly|markedly|slightly|mild(?:-to-moderate)?|moderate|severe|reduced|decreased|impaired|depressed|preserved"
    r"|normal|low(?:-normal)?|borderline|hyperdynamic|vigorous|high|increased|elevated|supranormal|improved|declined"
    r"|fallen|dropped|risen|recovered|unchanged|stable|globally|global|overall|systolic|function|left|ventricle"
    r"|ventricular|lv|lvef|ef|percent|simpson(?:'?s)?|method|volumetr\w+|planimetr\w+|analysis|cine|imaging|cmr|mri"
    r"|short|long|axis|sax|stack|[23]-?d|biplane|manual\w*|automat\w*|semi|visual\w*|quantitative\w*|contour\w*"
    r"|from \d{1,2}(?:\.\d+)? ?%? to"
)
_GAP = rf"(?P<gap>(?:\s|[:=,~≈()\[\]|–-]|%|(?<![\w])(?:{_GAP_WORDS})(?![\w])\.?)*?)"
_NUMBER = r"\d{1,3}(?:[.,]\d+)?|[.]\d+"
_VALUE = re.compile(
    rf"{_GAP}(?<![\w.,/])(?P<low>{_NUMBER})(?:\s?%?\s?(?:-|–|to)\s?(?P<high>{_NUMBER}))?(?![\w/]|[.,]\d)"
    r"(?:\s?(?:±|\+/-)\s?\d+(?:[.,]\d+)?)?\s?(?P<unit>%|percent\b|per cent\b|[A-Za-z]+[/\d\w²³]*)?",
    re.IGNORECASE,
)
_PERCENT = ("%", "percent", "per cent")
_UNITS = re.compile(r"(?:m?l|mm|cm|g|ms|s|bpm|beats|years?|yo|mmhg|points?)(?:/.*)?[²³]?", re.IGNORECASE)

_THEN = (
    r"(?:prior|previous|last|earlier|outside|old|historic\w*)\s+(?:\w+\s+){0,3}?(?:exam\w*|stud(?:y|ies)|scans?|mri|cmr"
    r"|mr|ct|echo\w*|tte|tee|spect|pet|assessment|reports?|values?|measurements?|lvef|ef|ejection|imaging|left|date)\b"
)
_COMPARED = r"(?:compar\w+ (?:to|with)|since|from|unlike|relative to|than|versus|vs\.?|to)\s+(?:the |an? |her |his )?"
_VETO_BEFORE = re.compile(
    rf"(?P<then>{_THEN})|previously|formerly|\bin (?:19|20)\d\d\b|\b(?:prior|previous|last|earlier|old|baseline) $"
    r"|\b(?:if|unless|targets?|goals?|threshold|criteri\w+"
    r"|cut-?off|reference|normal (?:range|values?|limits?)|echo\w*|tte|tee|spect|ventriculogra\w+)\b",
    re.IGNORECASE,
)
_VETO_AFTER = re.compile(
    r"\s*(?:previously|formerly|of\b|(?:(?:on|in|at|by|from|per)\s+)?(?:the |an? |her |his )?"
    rf"(?:{_THEN}|echo\w*|tte\b|tee\b|spect\b|(?:19|20)\d\d))"
    rf"|\s*\((?:by |on |from )?(?:{_THEN}|previously\)|prior\)|echo|tte)",
    re.IGNORECASE,
)
_NORMAL_RANGE = re.compile(r"normal (?:lv|left ventricular )?\s?$", re.IGNORECASE)


@dataclass(frozen=True)
class LvefReading:
    """What a report says about the left-ventricular ejection fraction.

    Attributes:
        percent: the value in %, or None.
        reason: why there is none.
    """

    percent: float | None
    reason: str = ""


def read_lvef(report: str) -> LvefReading:
    """The LVEF that a report states for this examination.

    Values of other chambers, earlier examinations, other modalities, bounds, targets and normal ranges do not
    count. Of several consistent statements the first one under findings is taken.
    """
    stated = [(block.section, value) for block in _about_this_examination(report) for value in _block_values(block)]
    if not stated:
        return LvefReading(None, "LVEF not stated")
    values = [value for _, value in stated]
    if max(values) - min(values) > _AGREEMENT:
        return LvefReading(None, f"statements differ by more than {_AGREEMENT:g} points")
    first = next((value for section, value in stated if "finding" in section), values[0])
    return LvefReading(first)


def _about_this_examination(report: str) -> Iterator[Block]:
    """The blocks outside indication, history, technique and the like.

    A report without any other heading goes on without one: there, only the sentence after the heading is left out.
    """
    blocks = report_blocks(report)
    aside = [any(name in block.section for name in _OTHER_SECTIONS) for block in blocks]
    headed = any(block.section and not away for block, away in zip(blocks, aside, strict=True))
    for block, away in zip(blocks, aside, strict=True):
        if not away:
            yield block
        elif not headed:
            yield Block("", " ".join(split_sentences(block.text)[1:]))


def _block_values(block: Block) -> Iterator[float]:
    context = block.section
    for sentence in split_sentences(block.text):
        text = _ASIDE.sub(" ", sentence)
        for term in _TERM.finditer(text):
            value = _value(text, term)
            if value is not None and _is_left(term, f"{context} . {text[: term.start()]}"):
                yield value
        context = f"{context} . {text}"


def _is_left(term: re.Match[str], before: str) -> bool:
    """Whether a term means the left ventricle: it says so, or the chamber named last before it is the left one."""
    if term["chamber"]:
        named = term["chamber"]
    elif term["pair"] or "LVEF" in term[0].upper():
        return True
    else:
        before = _BOTH.sub("both", before)
        mentions = _CHAMBER.findall(before)
        named = mentions[-1] if mentions else "left ventric"
    return re.match(r"lv|left[ -](?:sided )?ventric", named.strip(), re.IGNORECASE) is not None


def _value(text: str, term: re.Match[str]) -> float | None:
    """The number that follows a term, in %, if it is a statement about this examination."""
    match = _VALUE.match(text, term.end())
    if match is None or _is_vetoed(text, term, match):
        return None
    ends = [float(match[name].replace(",", ".")) for name in ("low", "high") if match[name]]
    unit = (match["unit"] or "").lower()
    percent = unit in _PERCENT or "%" in match["gap"] or "percent" in match["gap"].lower()
    if not percent and _UNITS.fullmatch(unit):
        return None
    if not percent and max(ends) < 1:
        ends = [100 * end for end in ends]
    value = round(sum(ends) / len(ends), 2)
    return value if _PLAUSIBLE[0] <= value <= _PLAUSIBLE[1] else None


def _is_vetoed(text: str, term: re.Match[str], match: re.Match[str]) -> bool:
    before, after = text[: term.start()], text[match.end() :]
    if re.search(r"RV[ -]?EF ?(?:and|&|/) ?$", before, re.IGNORECASE):
        return True  # "RVEF and LVEF are …": the first number is the other's
    if match["high"] and _NORMAL_RANGE.search(before):
        return True  # "normal LVEF is 57–77 %"
    if re.search(r"\bby(?: about| approximately| some)?\s*$", match["gap"], re.IGNORECASE):
        return True  # "improved by 10 %"
    if _VETO_AFTER.match(after if match["unit"] is None or "%" in match["unit"] else text[match.end("unit") :]):
        return True
    return any(not _is_comparison(before, veto) for veto in _VETO_BEFORE.finditer(before))


def _is_comparison(before: str, veto: re.Match[str]) -> bool:
    """Whether the earlier examination is only what the present one is compared with."""
    return veto["then"] is not None and re.search(rf"{_COMPARED}$", before[: veto.start()], re.I) is not None
