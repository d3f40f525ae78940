"""The figures of a run's report, made from the tables the run left; None where a table is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cmr_clip.explore.charts import Bar, Series, bar_chart, line_chart, scatter_chart, share_chart
from cmr_clip.explore.html import data_url, escape
from cmr_clip.explore.strips import cine_strip, spacing_of
from cmr_clip.explore.variables import words_of
from preprocess.store.study_file import open_study, read_clip
from preprocess.store.views import View

__all__ = [
    "Heart",
    "attention_figure",
    "heart_rules",
    "lvef_figure",
    "read_table",
    "retrieval_figure",
    "sample_hearts",
    "training_figures",
]

_PANES = 12


@dataclass(frozen=True)
class Heart:
    """A heart that beats by CSS alone: a strip as background, moved in steps."""

    caption: str
    strip: str
    frames: int


def read_table(path: Path) -> pd.DataFrame | None:
    """A CSV or Parquet table, or None if there is none (or it is empty)."""
    if not path.is_file() or path.stat().st_size == 0:
        return None
    if path.suffix == ".parquet":
        table = pd.read_parquet(path)
    else:
        table = pd.read_csv(path, dtype={"study": str, "patient": str})
    return None if table.empty else table


def _has(table: pd.DataFrame | None, *columns: str) -> bool:
    return table is not None and set(columns) <= set(table.columns)


def lvef_figure(run: Path) -> str | None:
    """Predicted against true LVEF, the pretrained encoder in front of the baseline."""
    series = []
    for folder, name in (("lvef", "pretrained"), ("lvef_baseline", "not pretrained")):
        table = read_table(run / folder / "predictions.csv")
        if table is None or not _has(table, "target", "truth", "score"):
            continue
        known = table[table["target"] == "lvef_percent"].dropna(subset=["truth", "score"])
        if len(known):
            error = float((known["truth"] - known["score"]).abs().mean())
            text = f"{name}: off by {error:.1f} points on average"
            series.append(Series(text, known["truth"].tolist(), known["score"].tolist()))
    return scatter_chart(series, "True LVEF (%)", "Predicted LVEF (%)") if series else None


def retrieval_figure(retrieval: Mapping[str, Any]) -> str | None:
    """Recall at 1, 5 and 10 beside chance."""
    bars = []
    for k in (1, 5, 10):
        value = retrieval.get(f"r_at_{k}")
        if value is not None:
            n, chance = retrieval.get("n"), retrieval.get(f"chance_at_{k}")
            if chance is None and n:
                chance = min(1.0, k / float(n))
            bars.append(Bar(f"top {k}", float(value), None if chance is None else float(chance)))
    return bar_chart(bars, "Share found") if bars else None


def training_figures(run: Path) -> list[tuple[str, str]]:
    """(title, chart) of the loss and of the retrieval while pretraining."""
    table = read_table(run / "pretrain" / "metrics.csv")
    if table is None or "epoch" not in table.columns:
        return []
    losses = _curves(table, {"train/loss": "training", "val/loss": "validation"})
    names = {f"val/retrieval/r_at_{k}": f"recall at {k}" for k in (1, 5, 10)}
    recalls = _curves(table, names)
    figures = []
    if losses:
        figures.append(("Contrastive loss", line_chart(losses, "Epoch", "Loss")))
    if recalls:
        figures.append(("Retrieval on validation patients", line_chart(recalls, "Epoch", "Recall", from_zero=True)))
    return figures


def _curves(table: pd.DataFrame, names: Mapping[str, str]) -> list[Series]:
    curves = []
    for column, name in names.items():
        found = [one for one in (f"{column}_epoch", column) if one in table.columns]
        if not found:
            continue
        means = table[["epoch", found[0]]].dropna().groupby("epoch")[found[0]].mean()
        means = means[np.isfinite(means)]
        if len(means) > 1:
            curves.append(Series(name, [float(epoch) for epoch in means.index], means.tolist()))
    return curves


def attention_figure(run: Path) -> str | None:
    """How the head shares its attention between views, beside equal shares of the clips."""
    table = read_table(run / "lvef" / "attention.csv")
    if table is None or not _has(table, "study", "target", "view", "weight"):
        return None
    table = table[table["target"] == "lvef_percent"]
    n_studies = table["study"].nunique()
    size = table.groupby("study")["weight"].transform("size")
    shares = table.groupby("view")["weight"].sum() / n_studies
    equal = (1 / size).groupby(table["view"]).sum() / n_studies
    order = [view.value for view in View if view.value in shares.index]
    bars = [Bar(view, float(shares[view]), float(equal[view])) for view in order]
    return share_chart(bars, "Share of attention by view", "every clip alike") if bars else None


def sample_hearts(run: Path, most: int = 12) -> list[Heart]:
    """One beating heart per phenotype (or per study, if none is known), the views in turn."""
    clips = read_table(run / "store" / "clips.parquet")
    if clips is None:
        return []
    labels = read_table(run / "truth_labels.csv")
    if labels is not None and _has(labels, "study", "phenotype"):
        chosen = labels[labels["study"].isin(clips["study"])].drop_duplicates("phenotype")
        pairs = zip(chosen["study"], chosen["phenotype"].astype(str), strict=True)
        names = dict(sorted(pairs, key=lambda pair: (pair[1] != "normal", pair[1])))
    else:
        names = dict.fromkeys(sorted(set(clips["study"])), "")
    wanted = (View.SAX.value, View.CH4.value)
    hearts = []
    for index, (study, name) in enumerate(list(names.items())[:most]):
        own = clips[clips["study"] == study].sort_values(["view", "slice"])
        view = wanted[index % 2] if (own["view"] == wanted[index % 2]).any() else own["view"].iloc[0]
        rows = own[own["view"] == view]
        hearts.append(_heart(run / "store", rows.iloc[len(rows) // 2], name))
    return hearts


def _heart(store: Path, clip: pd.Series[Any], name: str) -> Heart:
    with open_study(store, clip["patient"], clip["study"]) as file:
        cine = read_clip(file, clip["view"], int(clip["slice"]))
    strip = cine_strip(cine, spacing_of(clip), frames=_PANES, size=112, max_bytes=24_000)
    kind = words_of(name)
    caption = ", ".join([kind[:1].upper() + kind[1:], str(clip["view"])] if kind else [str(clip["view"])])
    return Heart(caption, data_url(strip.jpeg, "image/jpeg"), strip.frames)


def heart_rules(hearts: list[Heart]) -> tuple[str, str]:
    """The CSS rules and the HTML of a row of hearts."""
    rules = [
        f".h{i}{{background-image:url({heart.strip});background-size:{heart.frames * 100}% 100%;"
        f"animation-timing-function:steps({heart.frames},jump-none)}}"
        for i, heart in enumerate(hearts)
    ]
    figures = [
        f'<figure><div class="heart h{i}" role="img" aria-label="A beating heart"></div>'
        f"<figcaption>{escape(heart.caption)}</figcaption></figure>"
        for i, heart in enumerate(hearts)
    ]
    return "\n".join(rules), "".join(figures)
