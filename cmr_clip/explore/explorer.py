"""The explorer: one self-contained page on which every point is a beating heart."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cmr_clip.explore.chart_map import ChartMap, Unit
from cmr_clip.explore.mapped import Cohort
from cmr_clip.explore.variables import Variable
from preprocess.pages.documents import Program, document, write_page
from preprocess.pages.markup import fill_template, read_template
from preprocess.pages.strips import Strip
from preprocess.pages.style import style_sheet
from preprocess.store.manifest import ClipColumn
from preprocess.store.views import View

__all__ = ["PageText", "payload", "write_explorer"]

_PACKAGE = "cmr_clip.explore"
_SCRIPTS = ("state.js", "players.js", "scatter.js", "legend.js", "card.js", "panel.js", "main.js")


@dataclass(frozen=True)
class PageText:
    """What the page says beside the data.

    Attributes:
        title: heading of the page.
        notice: a warning shown at all times.
    """

    title: str = "Map of hearts"
    notice: str = "Research software. Not for clinical use."


def write_explorer(
    path: Path,
    cohort: Cohort,
    chart: ChartMap,
    variables: list[Variable],
    strips: Mapping[int, Strip],
    *,
    unit: Unit = "study",
    colour: str = ClipColumn.VIEW,
    text: PageText | None = None,
) -> Path:
    """Write the page.

    Args:
        path: file to write.
        cohort: what is shown; patient keys stay out of the page.
        chart: coordinates and neighbours.
        variables: what points can be coloured by, and the lines of a card.
        strips: moving thumbnails by row of `cohort.clips`; clips may lack one.
        unit: what the page opens with.
        colour: name of the variable that the page opens with.
        text: title and notice.
    """
    text = text or PageText()
    data = payload(cohort, chart, variables, strips) | {"unit": unit, "colour": colour, "title": text.title}
    parts = "".join(read_template(_PACKAGE, name) for name in _SCRIPTS)
    page = document(
        text.title,
        fill_template(_PACKAGE, "explorer.html", {"title": text.title, "notice": text.notice}),
        style=style_sheet(_PACKAGE, "explorer.css", layout="screen"),
        program=Program(f'(() => {{\n"use strict";\n{parts}}})();\n', data),
    )
    return write_page(path, page)


_NO_STRIP = Strip(b"", 0, 0)


def payload(cohort: Cohort, chart: ChartMap, variables: list[Variable], strips: Mapping[int, Strip]) -> dict[str, Any]:
    """The data of the page as plain JSON values, in columns."""
    clips, studies = cohort.clips, cohort.studies
    chosen = [strips.get(row, _NO_STRIP) for row in range(len(clips))]
    return {
        "views": [view.value for view in View],
        "clips": {
            ClipColumn.STUDY: clips["study_row"].tolist(),
            ClipColumn.VIEW: clips[ClipColumn.VIEW].astype(str).tolist(),
            ClipColumn.SLICE: clips[ClipColumn.SLICE].astype(int).tolist(),
            "placed": clips["placed"].astype(int).tolist(),
            **_axes(chart.clips),
            "frames": [strip.frames for strip in chosen],
            "strip": [base64.b64encode(strip.jpeg).decode("ascii") for strip in chosen],
        },
        "studies": {
            "key": studies[ClipColumn.STUDY].astype(str).tolist(),
            "placed": studies["placed"].astype(int).tolist(),
            **_axes(chart.studies),
            "near": chart.neighbours.tolist(),
            "similarity": _rounded(chart.similarities, 3),
        },
        "variables": [_variable(variable) for variable in variables],
        # Viridis without its pale end on a light page, without its dark end on a dark one.
        "ramp": {"light": _ramp(0.0, 0.92), "dark": _ramp(0.2, 1.0)},
    }


def _axes(points: npt.NDArray[np.float32]) -> dict[str, Any]:
    return {"x": _rounded(points[:, 0], 4), "y": _rounded(points[:, 1], 4)}


def _rounded(values: npt.NDArray[np.float32], digits: int) -> list[Any]:
    rounded: list[Any] = np.round(values.astype(np.float64), digits).tolist()
    return rounded


def _variable(variable: Variable) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": variable.name,
        "label": variable.label,
        "level": variable.level,
        "kind": variable.kind,
    }
    if variable.kind == "category":
        categories = [{"name": category.name, "colour": category.colour} for category in variable.categories]
        return described | {"categories": categories, "values": variable.codes.tolist()}
    values = [float(f"{value:.5g}") if np.isfinite(value) else None for value in variable.values]
    return described | {"limits": list(variable.limits), "values": values}


def _ramp(low: float, high: float, steps: int = 64) -> list[str]:
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return [to_hex(colour) for colour in colormaps["viridis"](np.linspace(low, high, steps))]
