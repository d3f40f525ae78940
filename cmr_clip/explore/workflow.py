"""From an embeddings table to a finished map: what `cmr-clip umap` does, for callers in Python."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cmr_clip.errors import CmrClipError
from cmr_clip.explore.annotations import join_labels, predicted_columns
from cmr_clip.explore.chart_map import Unit, coordinates, make_map, silhouettes
from cmr_clip.explore.explorer import PageText, write_explorer
from cmr_clip.explore.mapped import Cohort, join_cohorts, load_cohort
from cmr_clip.explore.moving_clips import strips_of
from cmr_clip.explore.picture import draw_map
from cmr_clip.explore.projection import UmapSettings
from cmr_clip.explore.variables import select_variables, variables_of
from cmr_clip.runtime.outputs import check_folder_place
from preprocess.pages.strips import Strip
from preprocess.store.manifest import ClipColumn
from preprocess.system.files import write_text
from preprocess.system.parquet import write_parquet

__all__ = ["MapRequest", "MapResult", "map_embeddings"]

Track = Callable[[Iterable[tuple[int, Strip]], int], Iterable[tuple[int, Strip]]]


@dataclass(frozen=True)
class MapRequest:
    """What to map, and how.

    Attributes:
        embeddings: Parquet table of clip embeddings.
        store: the study store they were made from.
        out: folder for the map.
        labels: CSV tables with `study` and a column per target.
        predictions: long table of predictions for these studies.
        colours: variables of the picture; None for all, up to nine.
        unit: what the page opens with.
        notice: a notice shown on the page at all times.
        thumbnail_bytes: space for moving thumbnails.
        place: embeddings of studies to be placed on the finished map.
        place_store: their store.
        place_predictions: their predictions.
        settings: settings of UMAP.
    """

    embeddings: Path
    store: Path
    out: Path
    labels: tuple[Path, ...] = ()
    predictions: Path | None = None
    colours: tuple[str, ...] | None = None
    unit: Unit = "study"
    notice: str = PageText.notice
    thumbnail_bytes: int = 32_000_000
    place: Path | None = None
    place_store: Path | None = None
    place_predictions: Path | None = None
    settings: UmapSettings = field(default_factory=UmapSettings)


@dataclass(frozen=True)
class MapResult:
    """What was written, and the silhouettes by name: score (or None), unit, n, n_classes."""

    page: Path
    picture: Path
    silhouettes: Mapping[str, Mapping[str, Any]]
    n_clips: int
    n_studies: int
    n_thumbnails: int


def map_embeddings(request: MapRequest, track: Track | None = None) -> MapResult:
    """Write picture, coordinates, `map.json` and the page.

    Args:
        request: what to map.
        track: wraps the thumbnails (and is told how many there may be), for a progress bar.

    Raises:
        MachineError: the folder cannot be written, which is tried first.
    """
    check_folder_place(request.out)
    cohort = _load(request)
    variables = variables_of(cohort)
    shown = select_variables(variables, list(request.colours) if request.colours else None)
    chart = make_map(cohort, request.settings)
    out = request.out
    table = coordinates(cohort, chart)
    write_parquet(out / "coordinates.parquet", table)
    write_text(out / "coordinates.csv", table.to_csv(index=False, float_format="%.5f"))
    scores = silhouettes(cohort, shown)
    summary = {
        "n_clips": int((~cohort.clips["placed"]).sum()),
        "n_studies": int((~cohort.studies["placed"]).sum()),
        "n_placed": int(cohort.studies["placed"].sum()),
        "silhouette": scores,
        "umap": vars(request.settings),
    }
    write_text(out / "map.json", json.dumps(summary, indent=2, allow_nan=False) + "\n")
    draw_map(out / "umap.png", cohort, chart, shown)
    found: Iterable[tuple[int, Strip]] = strips_of(cohort.clips, request.thumbnail_bytes)
    strips = dict(track(found, len(cohort.clips)) if track else found)
    fitting = [variable.name for variable in shown if request.unit == "clip" or variable.level == "study"]
    page = write_explorer(
        out / "explorer.html",
        cohort,
        chart,
        variables,
        strips,
        unit=request.unit,
        colour=(fitting or [shown[0].name])[0],
        text=PageText(notice=request.notice),
    )
    return MapResult(page, out / "umap.png", scores, len(cohort.clips), len(cohort.studies), len(strips))


def _load(request: MapRequest) -> Cohort:
    labels = join_labels(request.labels)
    tables = [labels] + ([predicted_columns(request.predictions)] if request.predictions else [])
    cohort = load_cohort(request.embeddings, request.store, tables)
    if request.labels and not set(labels[ClipColumn.STUDY]) & set(cohort.studies[ClipColumn.STUDY]):
        raise CmrClipError("the labels name none of the embedded studies", "they need the store's study keys")
    if not request.place:
        return cohort
    if not request.place_store:
        raise CmrClipError("--place needs --place-store", "give the store of the studies to be placed")
    theirs = [labels]
    if request.place_predictions:
        theirs.append(predicted_columns(request.place_predictions))
    return join_cohorts(cohort, load_cohort(request.place, request.place_store, theirs, placed=True))
