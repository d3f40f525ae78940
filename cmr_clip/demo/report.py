"""The report of a demonstration run: what a person wants to see first, in one self-contained page."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cmr_clip.demo.figures import attention_figure, lvef_figure, retrieval_figure, sample_hearts, training_figures
from cmr_clip.explore.variables import label_of
from preprocess.pages.documents import document, write_page
from preprocess.pages.markup import Markup, data_url, element, join
from preprocess.pages.strips import beating_hearts
from preprocess.pages.style import style_sheet
from preprocess.pages.table_markup import table
from preprocess.store.ledger import STORED, has_ledger, read_ledger

__all__ = ["write_demo_report"]

_NOTICE = (
    "Simulated patients and a small model trained for minutes. A demonstration of the pipeline, not of clinical "
    "performance. Not for clinical use."
)


def write_demo_report(summary: Mapping[str, Any], run: Path) -> Path:
    """Write `run/report.html` from the summary and from whatever tables and pictures the run left.

    Args:
        summary: the nested numbers of `summary.json`; any part may be missing.
        run: folder of the run.
    """
    retrieval = _numbers(summary.get("retrieval"))
    headline = [*_retrieval_block(retrieval), *_lvef_block(_numbers(summary.get("lvef")))]
    rules, hearts = beating_hearts(sample_hearts(run))
    kinds = "One study of each kind, as it lies in the study store, cropped to 180 mm around what moves."
    learnt = join([retrieval_figure(retrieval), attention_figure(run)])
    main = element(
        "main",
        element("h1", "From DICOM to a map of hearts"),
        element("p", _lead(summary), class_="lead"),
        element("p", _NOTICE, class_="notice"),
        element("section", *headline, class_="headline") if headline else Markup(),
        _section("Hearts of the cohort", kinds, hearts),
        _map(run),
        _section("What it learnt", "", _pair([lvef_figure(run), learnt])),
        _section("Pretraining", "", _pair(training_figures(run))),
        _real(summary.get("real") or []),
        _ledger(run),
        _steps(summary),
    )
    style = style_sheet("cmr_clip.demo", "report.css") + rules
    return write_page(run / "report.html", document("cmr-clip demonstration run", main, style=style))


def _section(title: str, say: str, body: Markup) -> Markup:
    if not body:
        return Markup()
    return element("section", element("h2", title), element("p", say, class_="say") if say else "", body)


def _numbers(part: Any) -> dict[str, float]:
    """The numbers of a part of the summary, without what is missing or not a number."""
    items = part.items() if isinstance(part, Mapping) else ()
    return {
        name: float(value)
        for name, value in items
        if isinstance(value, int | float) and value is not True and value is not False and math.isfinite(value)
    }


def _lead(summary: Mapping[str, Any]) -> str:
    found = _numbers(summary)
    counts = [
        f"{found[name]:,.0f} {word}"
        for name, word in (("n_patients", "patients"), ("n_studies", "studies"), ("n_clips", "clips"))
        if name in found
    ]
    cohort = f"A simulated cohort of {', '.join(counts)}" if counts else "A simulated cohort"
    seconds = sum(_numbers(summary.get("seconds")).values())
    took = f" in {_duration(seconds)}" if seconds else ""
    return f"{cohort}, taken from DICOM to a trained encoder and a map{took}."


def _block(big: str, says: str, against: Sequence[str]) -> Markup:
    lines = [element("p", line, class_="against") for line in against]
    return element("div", element("span", big, class_="big"), element("p", says), *lines)


def _retrieval_block(found: Mapping[str, float]) -> list[Markup]:
    if "r_at_5" not in found:
        return []
    among = f" among {found['n']:.0f} held-out patients" if "n" in found else ""
    says = f"of the time the right partner is in the first five{among}: a heart's report, or a report's heart."
    against = [f"By chance: {found['chance_at_5']:.0%}."] if "chance_at_5" in found else []
    if "r_at_1" in found:
        chance = f", by chance {found['chance_at_1']:.0%}" if "chance_at_1" in found else ""
        against.append(f"In the first place: {found['r_at_1']:.0%}{chance}.")
    if "median_rank" in found:
        against.append(f"Median rank of the right partner: {found['median_rank']:g}.")
    return [_block(f"{found['r_at_5']:.0%}", says, against)]


def _lvef_block(found: Mapping[str, float]) -> list[Markup]:
    if "mae_pretrained" not in found:
        return []
    among = f" over {found['n']:.0f} held-out studies" if "n" in found else ""
    says = f"mean error of the ejection fraction{among}, read from the frozen pretrained encoder."
    against = []
    if "mae_baseline" in found:
        against.append(f"From an encoder that was not pretrained: {found['mae_baseline']:.1f} points.")
    if "mae_mean_predictor" in found:
        against.append(f"Always saying the mean: {found['mae_mean_predictor']:.1f} points.")
    return [_block(f"{found['mae_pretrained']:.1f} points", says, against)]


def _map(run: Path) -> Markup:
    picture, page = run / "map" / "umap.png", run / "map" / "explorer.html"
    parts = []
    if picture.is_file():
        source, shows = data_url(picture.read_bytes(), "image/png"), "UMAP of the embeddings by several variables"
        parts.append(element("div", element("img", alt=shows, src=source), class_="map"))
    if page.is_file():
        parts.append(
            element("a", "Open the map, where every point beats", class_="button", href=f"map/{page.name}"),
        )
    return _section("The map", "Neighbours on the map are studies that the encoder finds alike.", join(parts))


def _pair(cells: Sequence[Markup]) -> Markup:
    filled = [element("div", cell) for cell in cells if cell]
    return element("div", *filled, class_="pair") if filled else Markup()


def _real(studies: Sequence[Mapping[str, Any]]) -> Markup:
    rows = []
    for study in studies:
        score = _numbers(study).get("predicted_lvef_percent")
        nested = [value for value in study.values() if isinstance(value, Mapping)]
        counts = _numbers(nested[0] if nested else study)  # clips by view
        rows.append(
            [
                element("code", str(study.get("study", ""))),
                ", ".join(f"{name} {n:.0f}" for name, n in counts.items() if name != "predicted_lvef_percent"),
                "" if score is None else f"{score:.0f} %",
            ]
        )
    head = ("Study", "Clips by view", "Predicted LVEF")
    body = table(head, rows, numbers=head[2:]) if rows else Markup()
    say = (
        "These studies went through the same conversion and encoder. They lie outside the training distribution, "
        "so neither their place on the map nor the prediction means anything clinically."
    )
    return _section("Real studies", say, body)


def _ledger(run: Path) -> Markup:
    if not has_ledger(run / "store"):
        return Markup()
    counts: Counter[tuple[str, str]] = Counter()
    for row in read_ledger(run / "store"):  # what was stored is told by its view
        counts[row.outcome.replace("_", " "), row.view if row.outcome == STORED else row.reason] += 1
    if not counts:
        return Markup()
    order = sorted(counts, key=lambda account: (account[0] != STORED, account[0], -counts[account]))
    rows = [(outcome, reason, f"{counts[outcome, reason]:,}") for outcome, reason in order]
    body = table(("Outcome", "View or reason", "Series"), rows, numbers=("Series",))
    return _section("What the conversion kept and left out", "Every source series has a line in the ledger.", body)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60):02d} s"


def _steps(summary: Mapping[str, Any]) -> Markup:
    seconds = _numbers(summary.get("seconds"))
    commands = summary.get("commands") or {}
    rows = []
    for name in dict.fromkeys([*commands, *seconds]):
        command = element("code", str(commands[name])) if commands.get(name) else ""
        rows.append((label_of(name), _duration(seconds[name]) if name in seconds else "", command))
    total = ("All", _duration(sum(seconds.values())), "") if seconds else None
    parts = [table(("Step", "Time", "Command"), rows, numbers=("Time",), total=total)] if rows else []
    versions = ", ".join(f"{name} {version}" for name, version in (summary.get("versions") or {}).items())
    if versions:
        parts.append(element("p", versions, class_="versions"))
    return _section("What ran", "", join(parts))
