"""English reports."""

from __future__ import annotations

from preprocess.reports.language.language import Language, LvefGrammar

__all__ = ["ENGLISH"]

_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"

_THEN = (
    r"(?:prior|previous|last|earlier|outside|old|historic\w*)\s+(?:\w+\s+){0,3}?(?:exam\w*|stud(?:y|ies)|scans?|mri|cmr"
    r"|mr|ct|echo\w*|tte|tee|spect|pet|assessment|reports?|values?|measurements?|lvef|ef|ejection|imaging|left|date)\b"
)

_LVEF = LvefGrammar(
    aside=("indication", "history", "clinical", "reason", "comparison", "technique", "protocol", "procedure"),
    findings="finding",
    term=(
        r"(?P<chamber>\b(?:LV|RV|LA|RA)[ -]?|\b(?:left|right)[ -](?:ventric\w*|atri\w*) (?:global )?(?:systolic )?)?"
        r"(?:(?<=[LR][VA])|\b)(?:EF\b|ejection[ -]fraction)(?: ?\((?:LV|RV)?EF\))?"
        r"(?P<pair> ?(?:and|&|/) ?RV[ -]?EF)?"
    ),
    chamber=r"\b(?:LV|RV|LA|RA)(?:[A-Z]*)\b|\b(?:left|right)[ -](?:sided )?(?:ventric|atri)",
    left=r"lv|left[ -](?:sided )?ventric",
    both=r"\bleft and right|\bboth ventricles|\bbiventricular",
    normal_aside=r"[(\[](?:normal|reference|ref\.?|nl\.?|range)\b[^)\]]*[)\]]",
    gap_words=(
        r"is|was|are|were|of|at|to|be|has|have|had|been|and|both|with|an?|the|by|on|using|as|now|currently|today|again"
        r"|still|remains?|remained|measures?|measured|measuring|calculates?|calculated|estimated|quantified|computed"
        r"|assessed|derived|approximately|approx|about|around|roughly|circa|ca|just|only|value|severely|moderately"
        r"|mildly|markedly|slightly|mild(?:-to-moderate)?|moderate|severe|reduced|decreased|impaired|depressed"
        r"|preserved|normal|low(?:-normal)?|borderline|hyperdynamic|vigorous|high|increased|elevated|supranormal"
        r"|improved|declined|fallen|dropped|risen|recovered|unchanged|stable|globally|global|overall|systolic|function"
        r"|left|ventricle|ventricular|lv|lvef|ef|percent|simpson(?:'?s)?|method|volumetr\w+|planimetr\w+|analysis|cine"
        r"|imaging|cmr|mri|short|long|axis|sax|stack|[23]-?d|biplane|manual\w*|automat\w*|semi|visual\w*"
        r"|quantitative\w*|contour\w*|from \d{1,2}(?:\.\d+)? ?%? to"
    ),
    range_words="to",
    percent=("percent", "per cent"),
    units=r"m?l|mm|cm|g|ms|s|bpm|beats|years?|yo|mmhg|points?",
    other_first=r"RV[ -]?EF ?(?:and|&|/) ?$",  # "RVEF and LVEF are …"
    normal_range=r"normal (?:lv|left ventricular )?\s?$",  # "normal LVEF is 57–77 %"
    change=r"\bby(?: about| approximately| some)?\s*$",  # "improved by 10 %"
    earlier=_THEN,
    compared=r"(?:compar\w+ (?:to|with)|since|from|unlike|relative to|than|versus|vs\.?|to)\s+(?:the |an? |her |his )?",
    veto_before=(
        r"previously|formerly|\bin (?:19|20)\d\d\b|\b(?:prior|previous|last|earlier|old|baseline) $"
        r"|\b(?:if|unless|targets?|goals?|threshold|criteri\w+"
        r"|cut-?off|reference|normal (?:range|values?|limits?)|echo\w*|tte|tee|spect|ventriculogra\w+)\b"
    ),
    veto_after=(
        r"\s*(?:previously|formerly|of\b|(?:(?:on|in|at|by|from|per)\s+)?(?:the |an? |her |his )?"
        rf"(?:{_THEN}|echo\w*|tte\b|tee\b|spect\b|(?:19|20)\d\d))"
        rf"|\s*\((?:by |on |from )?(?:{_THEN}|previously\)|prior\)|echo|tte)"
    ),
)

ENGLISH = Language(
    name="english",
    code="en",
    sections=(
        r"(?:cardiac |extra-?cardiac |non-?cardiac |additional |incidental )?findings?|(?:final )?impressions?"
        r"|conclusions?|summary|opinion|interpretation|results?|measurements?|comments?|addendum|report|recommendations?"
        r"|(?:clinical )?indications?(?: for (?:study|exam\w*))?|reason for (?:study|exam\w*)"
        r"|(?:patient |clinical |medical |brief )?history|clinical (?:information|data|details|question|background)"
        r"|technique|procedure|protocol|comparisons?|exam(?:ination)?|study|contrast"
    ),
    identifiers=(
        r"patient(?:'s)?(?: name| id| identifier| no\.?| number)?|(?:last |first |family |given )?name|mrn"
        r"|(?:medical record|hospital|nhs|accession)(?: number| no\.?| id)?|d\.?o\.?b\.?|date of birth|birth ?date"
        r"|ssn|social security(?: number)?|address|phone|telephone|fax|e-?mail"
        r"|(?:date|time) of (?:exam\w*|study|service|scan|report)|(?:exam|study|scan|report|visit)? ?date(?:/time)?"
        r"|(?:referring|ordering|requesting|attending|reading) (?:physician|doctor|provider|clinician|radiologist)"
        r"|radiologist|cardiologist|(?:electronically |digitally )?signed(?: by| on)?"
        r"|(?:reported|dictated|transcribed|interpreted|reviewed|approved|verified|read) (?:by|on|at)"
    ),
    signature=(
        r"^\W*(?:signed|dictated|transcribed|verified|reported) (?:by|on)\b.*|\b(?:electronic|digit)ally signed\b.*"
    ),
    date=(
        r"\b(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/]\d{1,2}[-/](?:19|20)?\d\d|\d{1,2}\.\d{1,2}\.(?:19|20)\d\d"
        rf"|\d{{1,2}}(?:st|nd|rd|th)?[ -]{_MONTH},?[ -](?:19|20)\d\d"
        rf"|{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? (?:19|20)\d\d)\b"
    ),
    abbreviations=r"dr|mr|mrs|ms|prof|vs|e\.g|eg|i\.e|approx|cf|ca|fig|figs|incl|esp|viz|st|resp",
    before_number=r"nos?|ser|im|img|vol|pp?|min|max|avg|seg|grade|class|type|.*\d",
    lvef=_LVEF,
)
