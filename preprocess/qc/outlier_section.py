"""The part of the page about clips that are out of the ordinary and studies that cannot be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from preprocess.pages.markup import Markup, data_url, element, join
from preprocess.pages.table_markup import bar_table, short_number, table
from preprocess.qc.page_content import Report
from preprocess.qc.rules import REASON
from preprocess.qc.thumbnails import Thumbnail
from preprocess.store.manifest import ClipColumn

__all__ = ["montage", "outlier_section"]

_N_ROWS = 300  # of the table; the CSV has all


def outlier_section(report: Report) -> Markup:
    """Unreadable studies, outliers by reason, what they look like, and a row for each."""
    parts: list[Markup] = []
    if len(report.unreadable):
        problems = zip(report.unreadable[ClipColumn.STUDY], report.unreadable["problem"], strict=True)
        cells = [(element("code", study), problem) for study, problem in problems]
        parts += [element("h3", "Studies that cannot be read"), table(["study", "problem"], cells[:_N_ROWS])]
    found = report.outliers
    if not len(found):
        return join([*parts, element("p", "Nothing: every clip that was measured lies within the limits.")])
    grouped = found.groupby(REASON).agg(found=(REASON, "size"), studies=(ClipColumn.STUDY, "nunique"))
    ordered = grouped.sort_values(["studies", "found"], ascending=False, kind="stable")
    summary = [(str(reason), int(row["studies"])) for reason, row in ordered.iterrows()]
    intro = "An outlier is not an error: it is worth a look. Each row says what was measured and what was expected."
    parts += [
        element("h3", "By reason"),
        element("p", intro, class_="soft"),
        bar_table("reason", "studies", summary, report.n_measured),
        element("h3", "What they look like"),
        element("p", "First phase; the worst of each reason in turn.", class_="soft"),
        montage(report.odd, is_odd=True),
        element("h3", "One by one"),
    ]
    if len(found) > _N_ROWS:
        more = f"The worst of each reason come first. {len(found) - _N_ROWS:,} more rows are in "
        parts.append(element("p", more, element("code", report.csv_name), " (column flags).", class_="soft"))
    rows = map(_outlier_cells, found.head(_N_ROWS).to_dict("records"))
    return join([*parts, table(_HEADER, rows, numbers=("slice", "value"), class_="outliers")])


_HEADER = ["reason", "view", "slice", "measure", "value", "expected", "look at it"]


def _outlier_cells(row: Mapping[str, object]) -> list[str]:
    study, index = str(row[ClipColumn.STUDY]), int(str(row[ClipColumn.SLICE]))
    value, low, high = (float(str(row[name])) for name in ("value", "low", "high"))
    command = element("code", f"cmr-preprocess inspect {study} --store STORE")
    if np.isinf(low):
        expected = f"at most {short_number(high)}"
    elif np.isinf(high):
        expected = f"at least {short_number(low)}"
    else:
        expected = f"{short_number(low)} to {short_number(high)}"
    place = "all" if index < 0 else str(index + 1)
    return [
        str(row[REASON]),
        str(row[ClipColumn.VIEW]),
        place,
        str(row["measure"]),
        short_number(value),
        expected,
        command,
    ]


def montage(thumbnails: Sequence[Thumbnail], *, is_odd: bool) -> Markup:
    """Thumbnails in a grid; odd ones say why they are there and what study they are of."""
    figures = []
    for shown in thumbnails:
        name = f"{shown.view}, slice {shown.index + 1}, study {shown.study}"
        picture = element(
            "img", src=data_url(shown.image, "image/webp"), alt=name, title=name, width=128, height=128, loading="lazy"
        )
        place = f"{shown.view} {shown.index + 1} · "
        caption = element("figcaption", element("b", shown.reason), place, element("code", shown.study))
        figures.append(element("figure", picture, caption if is_odd else ""))
    return element("div", *figures, class_="montage odd" if is_odd else "montage")
