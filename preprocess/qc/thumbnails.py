"""Thumbnails for the page: a random sample of each view, and the clips that are out of the ordinary."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from preprocess.errors import PreprocessError
from preprocess.pages.pictures import grey, tile, webp
from preprocess.qc.rules import REASON
from preprocess.store.manifest import ClipColumn
from preprocess.store.study import CineStack
from preprocess.store.study_file import open_study, read_clip, read_study
from preprocess.store.views import View

__all__ = ["Thumbnail", "odd_clips", "random_clips"]

_SIDE = 128
_N_RANDOM = 24
_N_ODD = 24


@dataclass(frozen=True)
class Thumbnail:
    """The first phase of a clip.

    Attributes:
        study: key.
        view: name of the view.
        index: slice.
        reason: why it is shown, empty for a random one.
        image: WebP.
    """

    study: str
    view: str
    index: int
    reason: str
    image: bytes


def random_clips(store: Path, measures: pd.DataFrame, seed: int) -> dict[View, list[Thumbnail]]:
    """The middle slice of a view in randomly chosen studies of the table."""
    chosen: dict[View, list[Thumbnail]] = {}
    middle = measures[(measures["problem"] == "") & (measures[ClipColumn.SLICE] == measures["n_slices"] // 2)]
    for number, view in enumerate(View):
        clips = middle[middle[ClipColumn.VIEW] == view.value]
        order = np.random.default_rng([seed, number]).permutation(len(clips))[:_N_RANDOM]
        chosen[view] = list(_thumbnails(store, clips.iloc[order].assign(reason="")))
    return chosen


def odd_clips(store: Path, outliers: pd.DataFrame) -> list[Thumbnail]:
    """The worst of each reason in turn, a study once for a reason; of a whole view, its first slice."""
    clips = outliers.assign(slice=outliers[ClipColumn.SLICE].clip(lower=0))
    once = clips.drop_duplicates([ClipColumn.STUDY, REASON])  # not all slices of one bad stack
    clips = once.drop_duplicates([ClipColumn.STUDY, ClipColumn.VIEW, ClipColumn.SLICE]).head(_N_ODD)
    return list(_thumbnails(store, clips))


def _thumbnails(store: Path, clips: pd.DataFrame) -> Iterator[Thumbnail]:
    for clip in clips.to_dict("records"):
        study, view, index = str(clip[ClipColumn.STUDY]), str(clip[ClipColumn.VIEW]), int(clip[ClipColumn.SLICE])
        try:
            with open_study(store, str(clip[ClipColumn.PATIENT]), study) as file:
                cine = read_clip(file, view, index)
            header = read_study(store, str(clip[ClipColumn.PATIENT]), study, with_pixels=False).views[View(view)]
            single = CineStack(**{**vars(header), "pixels": cine[None], "n_frames": np.array([len(cine)], np.int32)})
            image = webp(tile(grey(single)[0, 0], header.pixel_spacing, _SIDE))
        except PreprocessError:
            continue  # it was readable when it was measured: the store is changing, and a picture is no loss
        yield Thumbnail(study, view, index, str(clip[REASON]), image)
