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
from cmr_clip.explore.cohort import Cohort
from cmr_clip.explore.html import escape, fill, policy, read_template, safe_json, write_page
from cmr_clip.explore.strips import Strip
from cmr_clip.explore.variables import Variable
from preprocess.store.views import View

__all__ = ["PageText", "payload", "write_explorer"]

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
    colour: str = "view",
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
    data = payload(cohort, chart, variables, strips)
    data |= {"unit": unit, "colour": colour, "title": text.title}
    style = read_template("base.css") + read_template("explorer.css")
    script = '(() => {\n"use strict";\n' + "".join(map(read_template, _SCRIPTS)) + "})();\n"
    slots = {
        "policy": policy([script], [style]),
        "title": escape(text.title),
        "notice": escape(text.notice),
        "style": style,
        "script": script,
        "data": safe_json(data),
    }
    return write_page(path, fill(read_template("explorer.html"), slots))


def payload(cohort: Cohort, chart: ChartMap, variables: list[Variable], strips: Mapping[int, Strip]) -> dict[str, Any]:
    """The data of the page as plain JSON values, in columns."""
    clips, studies = cohort.clips, cohort.studies
    chosen = [strips.get(row) for row in range(len(clips))]
    return {
        "views": [view.value for view in View],
        "clips": {
            "study": [int(row) for row in clips["study_row"]],
            "view": [str(view) for view in clips["view"]],
            "slice": [int(index) for index in clips["slice"]],
            "placed": [int(flag) for flag in clips["placed"]],
            **_axes(chart.clips),
            "frames": [strip.frames if strip else 0 for strip in chosen],
            "strip": [base64.b64encode(strip.jpeg).decode("ascii") if strip else "" for strip in chosen],
        },
        "studies": {
            "key": [str(key) for key in studies["study"]],
            "placed": [int(flag) for flag in studies["placed"]],
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
