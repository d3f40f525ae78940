"""Which clips of a map get a moving thumbnail, the most important first, until their space is spent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from preprocess.pages.strips import USUAL_MM, Strip, cine_strip
from preprocess.store.manifest import ClipColumn
from preprocess.store.study_file import open_study, read_clip

__all__ = ["by_importance", "spacing_of", "strips_of"]


def by_importance(clips: pd.DataFrame) -> list[int]:
    """Rows in the order in which they deserve a thumbnail: placed studies, then the middle slice of each view."""
    groups = clips.groupby(["study_row", ClipColumn.VIEW])[ClipColumn.SLICE]
    off_centre = (clips[ClipColumn.SLICE] - groups.transform("median")).abs().rename("off")
    rank = off_centre.groupby([clips["study_row"], clips[ClipColumn.VIEW]]).rank(method="first")
    order = np.lexsort((np.arange(len(clips)), rank.to_numpy(), ~clips["placed"].to_numpy(bool)))
    return [int(row) for row in order]


def strips_of(clips: pd.DataFrame, max_bytes: int, size: int = 64) -> Iterator[tuple[int, Strip]]:
    """Strips of the clips (row, strip), the most important first, until `max_bytes` are spent in all."""
    spent = 0
    for row in by_importance(clips):
        clip = clips.iloc[row]
        spacing = spacing_of(clip)
        with open_study(Path(clip["store"]), clip[ClipColumn.PATIENT], clip[ClipColumn.STUDY]) as file:
            cine = read_clip(file, clip[ClipColumn.VIEW], int(clip[ClipColumn.SLICE]))
        strip = cine_strip(cine, spacing, size=size)
        spent += len(strip.jpeg) * 4 // 3
        if spent > max_bytes:
            return
        yield row, strip


def spacing_of(clip: pd.Series[Any]) -> tuple[float, float]:
    """Distance of rows and of columns of a clip, mm, from its line of the manifest."""
    row, col = (float(clip.get(name, np.nan)) for name in (ClipColumn.ROW_SPACING, ClipColumn.COL_SPACING))
    return (row, col) if row > 0 and col > 0 else (USUAL_MM, USUAL_MM)
