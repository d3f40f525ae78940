"""Tables, and how their numbers are written."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from preprocess.pages.markup import Markup, element

__all__ = ["bar_table", "share", "short_number", "table"]


def table(
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    numbers: Collection[str] = (),
    total: Sequence[str] | None = None,
    class_: str | None = None,
) -> Markup:
    """A table that scrolls by itself where the page is narrow.

    Args:
        header: names of the columns; may be empty.
        rows: a cell per column.
        numbers: the columns that are aligned right.
        total: a last row that sums up the others.
        class_: for the page's style.
    """
    kinds = ["number" if name in numbers else None for name in header]

    def line(cells: Sequence[str], of: str | None = None) -> Markup:
        made = [element("td", cell, class_=kind) for cell, kind in zip(cells, kinds, strict=True)]
        return element("tr", *made, class_=of)

    heads = [element("th", name, scope="col", class_=kind) for name, kind in zip(header, kinds, strict=True)]
    body = [line(row) for row in rows] + ([line(total, "total")] if total else [])
    whole = element("table", element("thead", element("tr", *heads)), element("tbody", *body), class_=class_)
    label = f"table: {', '.join(name for name in header if name)}"
    return element("div", whole, class_="scroll", tabindex=0, role="region", aria_label=label)


def bar_table(
    name: str, unit: str, counts: Sequence[tuple[str, int]], whole: int, *, others: tuple[str, int] | None = None
) -> Markup:
    """A row per count with its share of `whole` as number and bar.

    Args:
        name: heading of the first column.
        unit: heading of the counts: `studies`, `clips` or `series`.
        counts: (label, count), in the order to show.
        whole: what the shares are of.
        others: a last row for everything that is not listed.
    """
    shown = [*counts, *([others] if others and others[1] else [])]
    rows = []
    for label, count in shown:
        width = f"{100 * min(max(count / max(whole, 1), 0.0), 1.0):.2f}"
        bar = element(
            "svg",
            element("rect", class_="track", width=100, height=8, y=1),
            element("rect", class_="bar", width=width, height=8, y=1),
            viewBox="0 0 100 10",
            preserveAspectRatio="none",
            aria_hidden="true",
        )
        rows.append((label or "unknown", f"{count:,}", share(count, whole), bar))
    return table([name, unit, "share", ""], rows, numbers=(unit, "share"), class_="bars")


def share(part: float, whole: float) -> str:
    """A share in per cent, without claiming 0 or 100 where it is not."""
    if not whole:
        return "–"
    percent = 100 * part / whole
    if 0 < percent < 0.1:
        return "< 0.1 %"
    if 99.9 < percent < 100:
        return "> 99.9 %"
    return f"{percent:.1f} %"


def short_number(value: float) -> str:
    """A number with three digits that count."""
    if 0 < abs(value) < 1e-4:
        return "< 0.0001" if value > 0 else "> −0.0001"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
