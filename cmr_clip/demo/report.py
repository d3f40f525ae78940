"""The report of a demonstration run: what a person wants to see first, in one self-contained page."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cmr_clip.demo.figures import (
    attention_figure,
    heart_rules,
    lvef_figure,
    retrieval_figure,
    sample_hearts,
    training_figures,
)
from cmr_clip.explore.html import data_url, escape, fill, policy, read_template, write_page
from cmr_clip.explore.variables import label_of
from preprocess.store.ledger import STORED, Row, has_ledger, read_ledger

__all__ = ["write_report"]

_PACKAGE = "cmr_clip.demo"


def write_report(summary: Mapping[str, Any], run: Path) -> Path:
    """Write `run/report.html` from the summary and from whatever tables and pictures the run left.

    Args:
        summary: the nested numbers of `summary.json`; any part may be missing.
        run: folder of the run.
    """
    rules, hearts = heart_rules(sample_hearts(run))
    sections = [
        _headline(summary),
        _section("Hearts of the cohort", _hearts_say(summary), f'<div class="hearts">{hearts}</div>' if hearts else ""),
        _map(run),
        _findings(summary, run),
        _training(run),
        _real(summary.get("real") or []),
        _ledger(run),
        _steps(summary),
    ]
    style = read_template("base.css") + read_template("report.css", _PACKAGE) + rules
    page = fill(
        read_template("report.html", _PACKAGE),
        {
            "policy": policy(styles=[style]),
            "style": style,
            "lead": _lead(summary),
            "sections": "\n".join(section for section in sections if section),
        },
    )
    return write_page(run / "report.html", page)


def _section(title: str, say: str, body: str) -> str:
    if not body:
        return ""
    said = f'<p class="say">{say}</p>' if say else ""
    return f"<section><h2>{escape(title)}</h2>{said}{body}</section>"


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


def _headline(summary: Mapping[str, Any]) -> str:
    blocks = [*_retrieval_block(_numbers(summary.get("retrieval"))), *_lvef_block(_numbers(summary.get("lvef")))]
    return f'<section class="headline">{"".join(blocks)}</section>' if blocks else ""


def _block(big: str, says: str, against: Sequence[str]) -> str:
    lines = "".join(f'<p class="against">{line}</p>' for line in against)
    return f'<div><span class="big">{big}</span><p>{says}</p>{lines}</div>'


def _retrieval_block(found: Mapping[str, float]) -> list[str]:
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


def _lvef_block(found: Mapping[str, float]) -> list[str]:
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


def _hearts_say(summary: Mapping[str, Any]) -> str:
    return "One study of each kind, as it lies in the study store, cropped to 180 mm around what moves."


def _map(run: Path) -> str:
    picture, page = run / "map" / "umap.png", run / "map" / "explorer.html"
    body = ""
    if picture.is_file():
        source = data_url(picture.read_bytes(), "image/png")
        body += f'<div class="map"><img alt="UMAP of the embeddings by several variables" src="{source}"></div>'
    if page.is_file():
        body += '<a class="button" href="map/explorer.html">Open the map, where every point beats</a>'
    return _section("The map", "Neighbours on the map are studies that the encoder finds alike.", body)


def _findings(summary: Mapping[str, Any], run: Path) -> str:
    lvef = _figure("Ejection fraction on held-out studies", lvef_figure(run))
    retrieval = _figure("Heart and report find each other", retrieval_figure(_numbers(summary.get("retrieval"))))
    attention = _figure("Where the LVEF head looks", attention_figure(run))
    return _section("What it learnt", "", _pair([lvef, retrieval + attention]))


def _figure(title: str, chart: str | None) -> str:
    return f'<div class="chart"><h3>{escape(title)}</h3>{chart}</div>' if chart else ""


def _pair(cells: Sequence[str]) -> str:
    filled = "".join(f"<div>{cell}</div>" for cell in cells if cell)
    return f'<div class="pair">{filled}</div>' if filled else ""


def _training(run: Path) -> str:
    return _section("Pretraining", "", _pair([_figure(title, chart) for title, chart in training_figures(run)]))


def _table(head: Sequence[tuple[str, str]], rows: Sequence[Sequence[str]], last: str = "") -> str:
    kinds = [kind for _, kind in head]
    titles = "".join(f'<th class="{kind}">{escape(title)}</th>' for title, kind in head)
    lines = ("".join(f'<td class="{kind}">{cell}</td>' for kind, cell in zip(kinds, row, strict=True)) for row in rows)
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<div class="scroll"><table><thead><tr>{titles}</tr></thead><tbody>{body}{last}</tbody></table></div>'


def _real(studies: Sequence[Mapping[str, Any]]) -> str:
    rows = []
    for study in studies:
        score = _numbers(study).get("predicted_lvef_percent")
        rows.append(
            [
                f"<code>{escape(str(study.get('study', '')))}</code>",
                _views(study),
                "" if score is None else f"{score:.0f} %",
            ]
        )
    body = _table([("Study", ""), ("Clips by view", ""), ("Predicted LVEF", "n")], rows) if rows else ""
    say = (
        "These studies went through the same conversion and encoder. They lie outside the training distribution, "
        "so neither their place on the map nor the prediction means anything clinically."
    )
    return _section("Real studies", say, body)


def _views(study: Mapping[str, Any]) -> str:
    nested = [value for value in study.values() if isinstance(value, Mapping)]
    counts = _numbers(nested[0]) if nested else _numbers(study)
    return escape(", ".join(f"{name} {n:.0f}" for name, n in counts.items() if name != "predicted_lvef_percent"))


def _ledger(run: Path) -> str:
    if not has_ledger(run / "store"):
        return ""
    counts = Counter(_account(row) for row in read_ledger(run / "store"))
    if not counts:
        return ""
    order = sorted(counts, key=lambda account: (account[0] != STORED, account[0], -counts[account]))
    rows = [[escape(outcome), escape(reason), f"{counts[outcome, reason]:,}"] for outcome, reason in order]
    body = _table([("Outcome", ""), ("View or reason", ""), ("Series", "n")], rows)
    return _section("What the conversion kept and left out", "Every source series has a line in the ledger.", body)


def _account(row: Row) -> tuple[str, str]:
    """Outcome and reason of a ledger row; what was stored is told by its view."""
    return row.outcome.replace("_", " "), row.view if row.outcome == STORED else row.reason


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60):02d} s"


def _steps(summary: Mapping[str, Any]) -> str:
    seconds = _numbers(summary.get("seconds"))
    commands = summary.get("commands") or {}
    names = list(dict.fromkeys([*commands, *seconds]))
    rows = [
        [escape(label_of(name)), _duration(seconds[name]) if name in seconds else "", _command(commands.get(name))]
        for name in names
    ]
    total = f'<tr class="total"><td>All</td><td class="n">{_duration(sum(seconds.values()))}</td><td></td></tr>'
    body = _table([("Step", ""), ("Time", "n"), ("Command", "")], rows, total if seconds else "") if rows else ""
    versions = ", ".join(f"{name} {version}" for name, version in (summary.get("versions") or {}).items())
    body += f'<p class="versions">{escape(versions)}</p>' if versions else ""
    return _section("What ran", "", body)


def _command(command: Any) -> str:
    return f"<code>{escape(str(command))}</code>" if command else ""
