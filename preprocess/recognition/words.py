r"""The words of series descriptions: how a name is brought into one form, and which words mean what.

Words are those of English, German, French, Spanish, Italian, Portuguese and Dutch hospitals. Each pattern is of whole
words on the normal form: `tfisp_cine_4CH(STACK)` becomes `tfisp cine 4 ch stack`, every spelling of the short axis
becomes `sax` and every spelling of a long axis `lax`.
"""

from __future__ import annotations

import re
import unicodedata

from preprocess.store.views import View

__all__ = [
    "CINE",
    "LEVEL",
    "LONGEST",
    "OUTFLOW",
    "STILL",
    "VARIANTS",
    "VIEWS",
    "exclusion",
    "normalise",
]

LONGEST = 200  # letters of a description that are looked at; DICOM allows 64, exports join two

_SAX = (
    r"(?:short ?ax(?:is|es|e)?|sh ?ax(?:is)?|s ?ax|sa ?xs?|saxs?|sa|petite? axe?|axe court"
    r"|kurze? ?(?:herz)? ?achs\w*|eje corto|asse corto|eixo curto|korte ?as)"
)
_LAX = (
    r"(?:long ?ax(?:is|es|e)?|l ?ax|laxs?|grande? axe?|axe long|lange? ?(?:herz)? ?achs\w*|eje largo"
    r"|asse lungo|eixo longo|lange ?as)"
)
_CHAMBER = (
    r"(?:ch|ch ?[bsv]|chbr|chmbr?|chamb\w*|cv|cav|cavit\w*|cavidad\w*|kammer\w*|kamer\w*|k|kb|kv|kam"
    r"|cam|camaras?|cameras?|camere|c)"
)
_VALVE = r"valv\w*|\w*klappen?|\w*klep\w*|mitral\w*|tricusp\w*|trikusp\w*|av|mv|tv"
_BREATHING = r"(?:n ?bh|fb|free ?breath\w*|freie\w* atmung|resp\w* l[ii]\w+|vrij\w* ademhal\w*)"

# What each exclusion is called, and the words that betray it. The order decides which reason is given.
_EXCLUDING: tuple[tuple[str, str], ...] = (
    (
        "overlay or derived result",
        r"inline|vf|result\w*|ergebnis\w*|processed|screen ?shots?|captur\w*|summary|report|secondary",
    ),
    (
        "localiser or scout",
        r"loc\w*|lokal\w*|\w*scouts?|survey\w*|surv|3 (?:p|pl|plane)|pilot\w*|planning|planung|planif\w*|plan ?scan"
        r"|repera\w*|centra(?:ge|tore|dor)|u?e?bersicht\w*|ubersicht\w*|overzicht\w*|calibration|define\w*|tumble",
    ),
    ("test or trial scan", r"tests?|try|trial|dev|approx|v?wip"),
    (
        "phase contrast (flow)",
        r"(?!out|lvout|rvout)\w*flow\w*|\w*venc\w*|p ?c|phase contrast|phasenkontrast\w*|contrast[eo] d[ei] fas[ei]"
        r"|fluss\w*|blutfluss\w*|flux|fluxo\w*|flujo\w*|debiet|debit|\w*velocit\w*|4 d\w*|5 d|vec|qp|qs|fast pc",
    ),
    ("tagging", r"m?tags?|tagging|marquage|marcaje|\w*grid\w*|spamm|c spamm|harp|dense"),
    (
        "delayed enhancement",
        r"\w*psir\w*"
        r"|(?<!cine )(?<!vista )(?<!corte )(?<!vue )(?<!chambre )de(?! (?:la|le|l|los|las|v|vi|ve|vg|vd|ventr\w*)\b)"
        r"|d[hm]e|m ?de|ps ?mde|\w*mde|lge|le ?ge|late|gadolin\w*|rehauss?ement\w*"
        r"|realce\w*|tardi\w*|ritardat\w*|retard\w*"
        r"|spat\w*|delay\w*|\w*enhanc\w*|\w*viab\w*|\w*vital\w*|narben?|nachkont\w*|ti|mag|ps",
    ),
    ("inversion recovery", r"[a-z]?ir(?: ?p| ?tfe| ?fse| ?epi)?|look ?locker|ll"),
    (
        "tissue mapping",
        r"t [12]\w*|r ?2"
        r"|\w*maps?|mapp\w*|mape\w*|mapas?|\w*molli|sasha|dixon|\w*mfgre|m?grase|me"
        r"|(?<!gradient )(?<!field )(?!gradient|spin|field)\w*echo(?:es)?|\d+ ec|moco|star|mer?ge|eisen|iron",
    ),
    ("perfusion", r"perf\w*|first pass|premier passage|primer paso|primo passaggio|mp|adenos\w*|dyn\w*|regadenoson"),
    (
        "black blood or spin echo",
        r"\w*[tf]se|haste|\w*blade|bb|db|dark|black|blood|stir|spair|se|spin ?echo|sang noir|sangre negra"
        r"|sangue nero|sangue preto|schwarz\w*|zwart\w*|o?edem\w*|odem\w*|fat",
    ),
    (
        "vessel, valve or other part",
        r"aort\w*|ao|aao|m ?pa|[rl]? ?pa|pulm\w*|arter\w*|outlet|liver|leber|foie|chest|mra|angio\w*|svc|ivc|caval"
        r"|pv|vein\w*|ven[ae]|coronar\w*|koronar\w*|arch|atri\w*|oreillettes?|vorhof\w*|auricul\w*|orifice|root|lung\w*"
        r"|thora\w*|torax|abdom\w*|bifurcation|pericard\w*|perikard\w*|" + _VALVE,
    ),
    (
        "axial, coronal or sagittal plane",
        r"ax|axials?|axiaal|assial\w*|tra|trans\w*|trasv\w*|sag\w*|cor|coro|coronale?|koronar|frontal\w*|oax",
    ),
    (
        "real-time or ungated cine",
        r"real ?time|rt|kt|interactive|non ?trig\w*|un ?gated|non gated|echtzeit|temps reel|tiempo real"
        r"|tempo reale?|spiral",
    ),
    ("five-chamber view", rf"(?:5|five|cinq|funf|cinco|cinque|vijf) ?{_CHAMBER}"),
    ("three-dimensional or static scan", r"3 d\w*|vibe|lava|nav\w*|ss|sshot|single ?shot|mip|reference|ref"),
)

_EXCLUSIONS = tuple((name, re.compile(rf"\b(?:{pattern})\b")) for name, pattern in _EXCLUDING)

# The right ventricle alone: its outflow tract, or its name where the left one is not named as well.
_RIGHT_OUTFLOW = re.compile(r"\b(?:rv[oia]t|rvaf|tsvd|vsvd|ccvd|(?:rv|right) ?outflow\w*)\b")
_RIGHT = re.compile(
    r"\b(?:rv|right ventr\w*|ventr\w+ (?:droit|derecho|destro|direito)|recht\w+ \w*ventr\w*"
    rf"|{_CHAMBER} (?:d\w{{1,2}} )?vd|vd [2-4] {_CHAMBER})\b"
)
_LEFT = re.compile(r"\b(?:lv|vg|vi|ve|vsx?|left|gauche|link\w*|izq\w*|sinistr\w*|esq\w*|bi ?v\w*)\b")

CINE = re.compile(r"\b(?:cines?|kino|kine|film|fiesta|s?b ?ffe|s?b ?tfe|b?ssfp|retro)\b")
STILL = re.compile(r"\b(?:tru ?fi(?: ?sp)?|true ?fisp|tf ?i(?: ?sp)?)\b")  # balanced, but not by itself a cine
LEVEL = re.compile(r"\b(?:mid|mitte|medio|base|basal|basis|apex|apical|apice|spitze)\b")
_STRESS = re.compile(r"\b(?:stress|rest|repos\w*|riposo|repouso|ruhe|rust|belast\w*|esfuerzo|effort|sforzo)\b")
OUTFLOW = re.compile(
    r"\b(?:lvot|lvat|tsvi|vsve|ccvg|(?:lv|left) ?outflow\w*|outflow tract|ausfluss\w*|\w*efflusso"
    r"|chambre de chasse|uitstroom\w*|tracto de sa[il]\w+)\b"
)

# Series of the right view that are seldom the standard cine of a study: what they are, the words, the confidence.
VARIANTS: tuple[tuple[str, re.Pattern[str], float], ...] = (
    ("free breathing", re.compile(rf"\b{_BREATHING}\b"), 0.5),
    ("spoiled gradient echo", re.compile(r"\b(?:f?spgr|spr|gre|flash|fl 2 d|t ?fl)\b"), 0.5),
    ("accelerated in few shots", re.compile(r"\b(?:cs|\d shots?)\b"), 0.5),
    ("under stress", re.compile(r"\b(?:stress|dobu\w*|belast\w*|esfuerzo|effort|sforzo)\b"), 0.5),
    ("function scan without the word cine", re.compile(r"^(?!.*\bcine\b).*\bfunct\w*"), 0.6),
    ("stack of long axes", re.compile(r"\bstack\b"), 0.6),
    ("a repeat", re.compile(r"\b(?:repeat\w*|rpt|redo|wdh|wiederh\w*|bis)\b|\bbh [2-9]$"), 0.95),
)

VIEWS: tuple[tuple[View, re.Pattern[str]], ...] = tuple(
    (view, re.compile(rf"\b(?:{pattern})\b"))
    for view, pattern in (
        (
            View.CH4,
            rf"(?:4|four|quatre|vier|cuatro|quattro|quatro) ?{_CHAMBER}|hla|hlax|vkb"
            r"|(?:horizontal\w*|orizzontale) lax|lax (?:horizontal|orizzontale)",
        ),
        (View.CH3, rf"(?:3|three|trois|drei|drie|tres|tre) ?{_CHAMBER}|dkb|a?plax"),
        (
            View.CH2,
            rf"(?:2|two|deux|zwei|twee|dos|due|duas) ?{_CHAMBER}|vla|zkb"
            r"|vertical\w* lax|vertikal\w* lax|verticale lax|lax verti[ck]ale?",
        ),
        (View.SAX, r"sax"),
    )
)
_ABBREVIATED_SAX = re.compile(r"\bka\b|(?<!\d )\bec\b")  # Kurzachse, korte as; eje corto, eixo curto


def normalise(description: str) -> str:
    """Lower-case words, split at signs, at digits and at a change from small to capital letters."""
    plain = unicodedata.normalize("NFKD", description[:LONGEST]).encode("ascii", "ignore").decode()  # é becomes e
    words = re.sub(r"([a-z])([A-Z])", r"\1 \2", plain)
    words = re.sub(r"[^a-z0-9]+", " ", words.lower())
    words = re.sub(r"(?<=[a-z])(?=\d)|(?<=\d)(?=[a-z])", " ", words)
    words = re.sub(r"\bcine(?=[a-z]{2})|(?<=[a-z]{2})cine\b", " cine ", words)  # cinesax, 4CHcine
    words = re.sub(r"\s+", " ", words).strip()
    words = re.sub(rf"\b{_SAX}\b", "sax", words)
    words = re.sub(rf"\b{_LAX}\b", "lax", words)
    return _ABBREVIATED_SAX.sub("sax", words) if "cine" in words.split() else words


def exclusion(words: str) -> str:
    """What else than a cine of the left ventricle the words speak of; empty if nothing.

    Args:
        words: the normal form of a description, see `normalise`.
    """
    for name, pattern in _EXCLUSIONS:
        if pattern.search(words):
            return name
    if _RIGHT_OUTFLOW.search(words):
        return "right ventricle only"
    if _RIGHT.search(words) and not _LEFT.search(words):
        return "right ventricle only"
    if _STRESS.search(words) and not CINE.search(words):
        return "perfusion (a stress or rest scan without the word cine)"
    return ""
