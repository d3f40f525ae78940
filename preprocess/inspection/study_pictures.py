"""The pictures of one study: a contact sheet, and a film of each view."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from preprocess.inspection.films import ASSUMED_CYCLE_MS, Film, beat_ms, write_gif, write_mp4
from preprocess.pages.pictures import contact_sheet, cycle_frames, save_png
from preprocess.store.study import Study
from preprocess.store.views import View

__all__ = ["FILM_FORMATS", "FilmFormat", "write_pictures"]

FilmFormat = Literal["mp4", "gif", "both"]


@dataclass(frozen=True)
class _Writer:
    """A kind of film: its suffix, the size of its tiles in pixels, and what writes it."""

    suffix: str
    side: int
    write: Callable[[Path, Film], None]


_MP4, _GIF = _Writer(".mp4", 256, write_mp4), _Writer(".gif", 144, write_gif)  # a GIF hardly compresses
FILM_FORMATS: Mapping[str, tuple[_Writer, ...]] = {"mp4": (_MP4,), "gif": (_GIF,), "both": (_MP4, _GIF)}


def write_pictures(
    study: Study,
    out: Path,
    films: FilmFormat | None = "mp4",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Path]:
    """Write the contact sheet and the films; the names carry the study's key, so that studies can share a folder.

    Args:
        study: with pixels.
        out: folder to write.
        films: their format; None for the contact sheet only. They run at the speed of the heart, or at one beat a
            second where its trigger times are not plausible.
        progress: called with (finished, total) pictures.

    Returns:
        The files written, the contact sheet first.

    Raises:
        PreprocessError: they cannot be written.
    """
    writers = FILM_FORMATS[films] if films else ()
    jobs = [(view, writer) for view in View if view in study.views for writer in writers]
    written = [out / f"{study.study}_sheet.png"]
    save_png(written[0], contact_sheet(study))
    progress(1, 1 + len(jobs))
    for view, writer in jobs:
        beat = beat_ms(study.views[view])
        frames = list(cycle_frames(study.views[view], view, side=writer.side))
        written.append(out / f"{study.study}_{view.value}{writer.suffix}")
        writer.write(written[-1], Film(frames, ASSUMED_CYCLE_MS if math.isnan(beat) else beat))
        progress(len(written), 1 + len(jobs))
    return written
