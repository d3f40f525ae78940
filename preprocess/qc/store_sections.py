"""The parts of the page about the whole store: what it holds, what was left out, and distributions."""

from __future__ import annotations

from collections import Counter
from itertools import chain

from preprocess.pages.histograms import histogram
from preprocess.pages.markup import Markup, element, join
from preprocess.pages.table_markup import bar_table
from preprocess.qc.page_content import Report
from preprocess.qc.totals import LedgerTotals
from preprocess.store.ledger import LEFT_OUT, STORED
from preprocess.store.manifest import ClipColumn
from preprocess.store.views import View

__all__ = ["distribution_section", "holdings_section", "ledger_section"]

_N_REASONS = 25
_N_SCANNERS = 25
_N_MATRICES = 10


def holdings_section(report: Report) -> Markup:
    """Counts by view and scanner, and what studies lack."""
    totals = report.totals
    n_studies = len(totals.views)
    has = Counter(chain.from_iterable(totals.views.values()))
    views = [(view.value, has[view.value]) for view in View]
    clips = [(view.value, totals.clips[view.value]) for view in View]
    missing = totals.missing().most_common()
    scanners = []
    for (vendor, model, field), count in sorted(totals.scanners.items(), key=lambda item: (-item[1], item[0])):
        strength = f"{field:g} T" if field else "unknown field"
        scanners.append((f"{vendor[:30] or 'unknown vendor'}, {model[:40] or 'unknown model'}, {strength}", count))
    return join(
        [
            element("p", "Whole store.", class_="soft"),
            element(
                "div",
                element("div", element("h3", "Studies with a view"), bar_table("view", "studies", views, n_studies)),
                element("div", element("h3", "Clips"), bar_table("view", "clips", clips, totals.clips.total())),
                class_="columns",
            ),
            element("h3", "Studies that lack views"),
            bar_table("missing", "studies", missing, n_studies) if missing else element("p", "None lacks any."),
            element("h3", "Scanners"),
            bar_table(
                "vendor, model, field strength",
                "studies",
                scanners[:_N_SCANNERS],
                n_studies,
                others=("all others", sum(count for _, count in scanners[_N_SCANNERS:])),
            ),
        ]
    )


def ledger_section(ledger: LedgerTotals | None) -> Markup:
    """What was stored and left out, and why."""
    if ledger is None:
        return element("p", "The store has no ledger.")
    reasons = ledger.reasons.most_common()
    n_rows = ledger.reasons.total()
    outcomes = [("stored", ledger.outcomes[STORED]), ("left out", ledger.outcomes[LEFT_OUT])]
    others = ("all other reasons", sum(count for _, count in reasons[_N_REASONS:]))
    shown = [(reason[:120], count) for reason, count in reasons[:_N_REASONS]]
    slices = f"{ledger.slices_left_out:,} single slices were left out of series that were otherwise stored."
    why = element("p", "Nothing was left out.")
    if reasons:
        why = bar_table("reason", "found", shown, n_rows, others=others)
    return join(
        [
            element("p", "Whole store, from its ledger; N stands for any number. ", slices, class_="soft"),
            bar_table("outcome", "series", outcomes, ledger.outcomes.total()),
            element("h3", "Reasons"),
            why,
        ]
    )


def distribution_section(report: Report) -> Markup:
    """Histograms of the whole store, and of what was measured."""
    totals, measures = report.totals, report.measures
    first = measures[(measures["problem"] == "") & (measures[ClipColumn.SLICE] == 0)]
    rates = first.groupby(ClipColumn.STUDY)["heart_rate_bpm"].median().round()
    gaps = (measures["gap_mm"] * 2).round() / 2
    whole = [
        histogram("frames of a clip", "", totals.frames),
        histogram("SAX slices of a study", "", Counter(totals.sax_slices.values())),
        histogram("pixel spacing", "mm", totals.spacings),
        histogram("slice thickness", "mm", totals.thicknesses),
        histogram("age", "years; 90 is above 89", totals.ages),
    ]
    measured = [
        histogram("heart rate from trigger times", "beats/min", Counter(rates.dropna())),
        histogram("distance of SAX slices", "mm", Counter(gaps.dropna())),
        histogram("brightness", "share of the window", Counter(measures["brightness"].dropna().round(2))),
        histogram("noise", "% of the window", Counter((100 * measures["noise"].dropna()).round(1))),
        histogram("motion", "% of the window", Counter((100 * measures["motion"].dropna()).round())),
    ]
    ranked = totals.matrices.most_common()
    others = ("all others", sum(count for _, count in ranked[_N_MATRICES:]))
    matrices = bar_table("matrix", "found", ranked[:_N_MATRICES], totals.matrices.total(), others=others)
    names = {"F": "female", "M": "male", "O": "other"}
    sexes = [(names.get(sex, "unknown"), count) for sex, count in sorted(totals.sexes.items())]
    tables = [
        element("div", element("h3", "Matrix, rows × columns"), matrices),
        element("div", element("h3", "Sex"), bar_table("sex", "studies", sexes, len(totals.views))),
    ]
    return join(
        [
            element("p", "Whole store.", class_="soft"),
            element("div", *whole, class_="charts"),
            element("div", *tables, class_="columns"),
            element("h3", "Measured clips"),
            element("div", *measured, class_="charts"),
        ]
    )
