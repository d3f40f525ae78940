"""The map as a picture: a panel per variable."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cmr_clip.explore.chart_map import ChartMap
from cmr_clip.explore.mapped import Cohort
from cmr_clip.explore.variables import MISSING_COLOUR, Variable
from preprocess.system.files import writing

__all__ = ["draw_map"]

_INK = "#22272e"
_FAINT = "#8b949e"


def draw_map(path: Path, cohort: Cohort, chart: ChartMap, variables: list[Variable]) -> None:
    """Write a PNG with a panel per variable, over clips or over studies as the variable has it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    n_cols = min(3, len(variables))
    n_rows = math.ceil(len(variables) / n_cols)
    figure = Figure(figsize=(4.5 * n_cols, 3.6 * n_rows + 0.5), facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    n_placed = int(cohort.studies["placed"].sum())
    title = f"UMAP of {len(cohort.studies) - n_placed:,} studies, {int((~cohort.clips['placed']).sum()):,} clips"
    if n_placed:
        title += f";  ★ {n_placed} placed, outside the training distribution"
    figure.suptitle(title, x=0.008, ha="left", fontsize=13, color=_INK)
    panels = figure.subplots(n_rows, n_cols, squeeze=False).ravel()
    for panel, variable in zip(panels, variables, strict=False):
        _panel(figure, panel, variable, cohort, chart)
    for panel in panels[len(variables) :]:
        panel.set_axis_off()
    path.parent.mkdir(parents=True, exist_ok=True)
    with writing(path):
        figure.savefig(path, dpi=150)


def _panel(figure: Any, panel: Any, variable: Variable, cohort: Cohort, chart: ChartMap) -> None:
    table, points = (cohort.clips, chart.clips) if variable.level == "clip" else (cohort.studies, chart.studies)
    placed = table["placed"].to_numpy(bool)
    area = float(np.clip(9000 / max(len(points), 1), 5, 46))
    unit = "clips" if variable.level == "clip" else "studies"
    panel.set_title(f"{variable.label}", loc="left", fontsize=11, color=_INK, fontweight="bold")
    panel.set_title(unit, loc="right", fontsize=9, color=_FAINT)
    if variable.kind == "category":
        _draw_categories(panel, variable, points, placed, area)
    else:
        _draw_numbers(figure, panel, variable, points, placed, area)
    if placed.any():
        panel.scatter(*points[placed].T, marker="*", s=230, c="#ffd33d", edgecolors=_INK, linewidths=0.9, zorder=5)
    panel.set_xticks([])
    panel.set_yticks([])
    panel.margins(0.07)
    panel.set_aspect("equal", adjustable="datalim")
    for spine in panel.spines.values():
        spine.set_color("#d8dee4")


def _draw_categories(
    panel: Any, variable: Variable, points: npt.NDArray[Any], placed: npt.NDArray[Any], area: float
) -> None:
    codes = variable.codes
    names = [(-1, "unknown", MISSING_COLOUR)]
    names += [(code, category.name, category.colour) for code, category in enumerate(variable.categories)]
    for code, name, colour in names:
        chosen = (codes == code) & ~placed
        if not chosen.any():
            continue
        text = name if len(name) <= 26 else name[:25] + "…"
        label = f"{text}  {int(chosen.sum()):,}"
        panel.scatter(*points[chosen].T, s=area, c=colour, alpha=0.9, linewidths=0.4, edgecolors="white", label=label)
    panel.legend(
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
        frameon=False,
        fontsize=8.5,
        labelcolor=_INK,
        handletextpad=0.2,
        scatterpoints=1,
        markerscale=math.sqrt(36 / area),
    )


def _draw_numbers(
    figure: Any, panel: Any, variable: Variable, points: npt.NDArray[Any], placed: npt.NDArray[Any], area: float
) -> None:
    known = np.isfinite(variable.values) & ~placed
    unknown = ~np.isfinite(variable.values) & ~placed
    panel.scatter(*points[unknown].T, s=area, c=MISSING_COLOUR, alpha=0.4, linewidths=0)
    low, high = variable.limits
    drawn = panel.scatter(
        *points[known].T,
        s=area,
        c=variable.values[known],
        cmap="viridis",
        vmin=low,
        vmax=high,
        linewidths=0.4,
        edgecolors="white",
    )
    bar = figure.colorbar(drawn, ax=panel, shrink=0.72, aspect=22, pad=0.02)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8.5, colors=_INK, length=2)
