"""The page about a store: no script and no network; from counts, measures, outliers and thumbnails."""

from __future__ import annotations

from preprocess import __version__
from preprocess.pages.documents import document
from preprocess.pages.markup import Markup, element, join
from preprocess.pages.style import style_sheet
from preprocess.pages.table_markup import share
from preprocess.qc.outlier_section import montage, outlier_section
from preprocess.qc.page_content import Report
from preprocess.qc.store_sections import distribution_section, holdings_section, ledger_section
from preprocess.store.ledger import LEFT_OUT
from preprocess.store.manifest import ClipColumn

__all__ = ["render"]

_TITLE = "Quality control of a study store"


def render(report: Report) -> str:
    """The whole page as HTML."""
    notices = []
    if report.n_measured < report.n_files:
        notices.append(
            f"Pixels were measured in a random sample of {report.n_measured:,} of {report.n_files:,} studies "
            f"(seed {report.seed}). Counts marked “whole store” cover all of them."
        )
    if report.n_files != len(report.totals.views):
        notices.append(
            f"The manifest lists {len(report.totals.views):,} studies, the store holds {report.n_files:,}: "
            "convert again, or look with cmr-preprocess verify."
        )
    if len(report.unreadable):
        notices.append(f"Studies that cannot be read: {len(report.unreadable):,}; they are listed below.")
    note = "The middle slice of a view at its first phase, in studies drawn at random. Point at a picture for its key."
    pictures = [element("p", note, class_="soft")]
    for view, thumbnails in report.random.items():
        if thumbnails:
            pictures += [element("h3", view.value), montage(thumbnails, is_odd=False)]
    sections = [
        ("outliers", "Out of the ordinary", outlier_section(report)),
        ("holdings", "What the store holds", holdings_section(report)),
        ("ledger", "What was left out", ledger_section(report.ledger)),
        ("distributions", "Distributions", distribution_section(report)),
        ("pictures", "Random studies", join(pictures)),
        ("method", "How it was measured", _method(report)),
    ]
    links = [element("a", title, href=f"#{name}") for name, title, _ in sections]
    head = element("header", element("h1", _TITLE), element("nav", *links), _tiles(report))
    body = [element("section", element("h2", title), content, id=name) for name, title, content in sections]
    main = element("main", head, *(element("p", text, class_="notice") for text in notices), *body)
    return document(_TITLE, main, style=style_sheet("preprocess.qc", "qc.css"))


def _tiles(report: Report) -> Markup:
    totals, n_studies = report.totals, len(report.totals.views)
    complete = n_studies - sum(totals.missing().values())
    odd = report.outliers[ClipColumn.STUDY].nunique()
    tiles = [
        ("patients", f"{len(totals.patients):,}", ""),
        ("studies", f"{n_studies:,}", f"{share(complete, n_studies)} with all four views"),
        ("clips", f"{totals.clips.total():,}", "a slice of a view"),
    ]
    if report.ledger:
        left_out, all_series = report.ledger.outcomes[LEFT_OUT], report.ledger.outcomes.total()
        tiles.append(("series left out", f"{left_out:,}", f"{share(left_out, all_series)} of {all_series:,}"))
    of_measured = f"{share(odd, report.n_measured)} of {report.n_measured:,} measured"
    tiles.append(("studies to look at", f"{odd:,}", of_measured))
    cells = [
        element("div", element("dt", name), element("dd", value, element("small", note) if note else ""))
        for name, value, note in tiles
    ]
    return element("dl", *cells, class_="tiles")


_MEASURES = {
    "brightness, contrast": "mean, and distance of the 5th and 95th percentile, as a share of the window (0–1)",
    "saturated": "share of pixels at the upper end of the window",
    "dimmest_frame, brightest_frame": "mean of the darkest or brightest frame over the median of all frames",
    "motion": "99th percentile over the pixels of the standard deviation in time",
    "jumpiness": "von Neumann ratio of the moving pixels: near 0 for smooth motion, near 1 where successive frames "
    "have nothing to do with each other",
    "noise": "standard deviation of the noise, from second differences in time",
    "repeated_frames": "frames that equal an earlier one of the clip in every pixel",
    "off_centre": "distance of the motion’s centre from the image’s, as a share of half the shorter side",
    "gap_ratio": "distance of a slice to the one before, over the stack’s median",
    "shift_mm": "displacement of a slice from the one before, within the plane",
    "heart_rate_bpm": "from trigger times, if the frames cover the cycle",
    "uneven_times": "largest deviation of a step of the trigger times from their median, as a share of it",
}


def _method(report: Report) -> Markup:
    terms = [join([element("dt", element("code", name)), element("dd", text)]) for name, text in _MEASURES.items()]
    usual = (
        "“Unusual” means far from the median of the same vendor and view (of the view, where a vendor has fewer than "
        "20 clips): 5 or 6 robust standard deviations (1.4826 × median absolute deviation), and at least a set "
        "distance. All other limits are fixed. The first and last slice of a stack may lie beyond the heart; they are "
        "not expected to move."
    )
    made = f"Made by cmr-preprocess {__version__}. "
    care = "This page shows images of patients: share it as you would share the store."
    return join(
        [
            element("p", usual),
            element("dl", *terms, class_="measures"),
            element("p", "All measures are in ", element("code", report.csv_name), ". ", made, care, class_="soft"),
        ]
    )
