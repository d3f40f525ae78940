"""The figures of a run's report, made from the tables the run left; empty where a table is missing."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cmr_clip.demo.plan import TARGET
from cmr_clip.explore.moving_clips import spacing_of
from cmr_clip.explore.variables import words_of
from cmr_clip.tables.predictions import read_attention, read_predictions
from preprocess.pages.charts import Bar, DataSeries, bar_chart, line_chart, scatter_chart, share_chart
from preprocess.pages.markup import Markup
from preprocess.pages.strips import Strip, cine_strip
from preprocess.pages.svg import chart_figure
from preprocess.store.manifest import ClipColumn, read_manifest
from preprocess.store.study_file import open_study, read_clip
from preprocess.store.views import View

__all__ = ["attention_figure", "lvef_figure", "retrieval_figure", "sample_hearts", "training_figures"]

_PANES = 12


def _read_table(path: Path) -> pd.DataFrame | None:
    """A CSV table, or None if there is none (or it is empty)."""
    if not _has_content(path):
        return None
    table = pd.read_csv(path, dtype={ClipColumn.STUDY: str, ClipColumn.PATIENT: str})
    return None if table.empty else table


def _has_content(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def lvef_figure(run: Path) -> Markup:
    """Predicted against true LVEF, the pretrained encoder in front of the baseline."""
    series = []
    for folder, name in (("lvef", "pretrained"), ("lvef_baseline", "not pretrained")):
        path = run / folder / "predictions.csv"
        rows = read_predictions(path) if _has_content(path) else ()
        pairs = [(row.truth, row.score) for row in rows if row.target == TARGET and row.truth is not None]
        known = [(truth, score) for truth, score in pairs if math.isfinite(truth - score)]
        if known:
            truths, scores = zip(*known, strict=True)
            error = float(np.abs(np.subtract(truths, scores)).mean())
            series.append(DataSeries(f"{name}: off by {error:.1f} points on average", truths, scores))
    if not series:
        return Markup()
    chart = scatter_chart(series, "True LVEF (%)", "Predicted LVEF (%)")
    return chart_figure("Ejection fraction on held-out studies", chart)


def retrieval_figure(retrieval: Mapping[str, Any]) -> Markup:
    """Recall at 1, 5 and 10 beside chance."""
    bars = []
    for k in (1, 5, 10):
        value = retrieval.get(f"r_at_{k}")
        if value is not None:
            n, chance = retrieval.get("n"), retrieval.get(f"chance_at_{k}")
            if chance is None and n:
                chance = min(1.0, k / float(n))
            bars.append(Bar(f"top {k}", float(value), None if chance is None else float(chance)))
    return chart_figure("Heart and report find each other", bar_chart(bars, "Share found")) if bars else Markup()


def training_figures(run: Path) -> list[Markup]:
    """The loss and the retrieval while pretraining."""
    table = _read_table(run / "pretrain" / "metrics.csv")
    if table is None or "epoch" not in table.columns:
        return []
    losses = _curves(table, {"train/loss": "training", "val/loss": "validation"})
    names = {f"val/retrieval/r_at_{k}": f"recall at {k}" for k in (1, 5, 10)}
    recalls = _curves(table, names)
    figures = []
    if losses:
        figures.append(chart_figure("Contrastive loss", line_chart(losses, "Epoch", "Loss")))
    if recalls:
        chart = line_chart(recalls, "Epoch", "Recall", from_zero=True)
        figures.append(chart_figure("Retrieval on validation patients", chart))
    return figures


def _curves(table: pd.DataFrame, names: Mapping[str, str]) -> list[DataSeries]:
    curves = []
    for column, name in names.items():
        found = [known for known in (f"{column}_epoch", column) if known in table.columns]
        if not found:
            continue
        means = table[["epoch", found[0]]].dropna().groupby("epoch")[found[0]].mean()
        means = means[np.isfinite(means)]
        if len(means) > 1:
            curves.append(DataSeries(name, [float(epoch) for epoch in means.index], means.tolist()))
    return curves


def attention_figure(run: Path) -> Markup:
    """How the head shares its attention between views, beside equal shares of the clips."""
    path = run / "lvef" / "attention.csv"
    rows = [row for row in read_attention(path) if row.target == TARGET] if _has_content(path) else []
    sizes = Counter(row.study for row in rows)
    shares: defaultdict[str, float] = defaultdict(float)
    equal: defaultdict[str, float] = defaultdict(float)
    for row in rows:
        shares[row.view] += row.weight / len(sizes)
        equal[row.view] += 1 / sizes[row.study] / len(sizes)
    order = [view.value for view in View if view.value in shares]
    bars = [Bar(view, shares[view], equal[view]) for view in order]
    if not bars:
        return Markup()
    chart = share_chart(bars, "Share of attention by view", "every clip alike")
    return chart_figure("Where the LVEF head looks", chart)


def sample_hearts(run: Path, most: int = 12) -> list[tuple[str, Strip]]:
    """One heart with its caption per phenotype (or per study, if none is known), the views in turn."""
    if not (run / "store").is_dir():
        return []
    clips = read_manifest(run / "store")
    labels = _read_table(run / "truth_labels.csv")
    if labels is not None and {ClipColumn.STUDY, "phenotype"} <= set(labels.columns):
        chosen = labels[labels[ClipColumn.STUDY].isin(clips[ClipColumn.STUDY])].drop_duplicates("phenotype")
        pairs = zip(chosen[ClipColumn.STUDY], chosen["phenotype"].astype(str), strict=True)
        names = dict(sorted(pairs, key=lambda pair: (pair[1] != "normal", pair[1])))
    else:
        names = dict.fromkeys(sorted(set(clips[ClipColumn.STUDY])), "")
    wanted = (View.SAX.value, View.CH4.value)
    hearts = []
    for index, (study, name) in enumerate(list(names.items())[:most]):
        own = clips[clips[ClipColumn.STUDY] == study].sort_values([ClipColumn.VIEW, ClipColumn.SLICE])
        view = wanted[index % 2] if (own[ClipColumn.VIEW] == wanted[index % 2]).any() else own[ClipColumn.VIEW].iloc[0]
        rows = own[own[ClipColumn.VIEW] == view]
        clip = rows.iloc[len(rows) // 2]
        with open_study(run / "store", clip[ClipColumn.PATIENT], clip[ClipColumn.STUDY]) as file:
            cine = read_clip(file, clip[ClipColumn.VIEW], int(clip[ClipColumn.SLICE]))
        strip = cine_strip(cine, spacing_of(clip), frames=_PANES, size=112, max_bytes=24_000)
        kind = words_of(name)
        caption = f"{kind[:1].upper()}{kind[1:]}, {view}" if kind else str(view)
        hearts.append((caption, strip))
    return hearts
