"""What is out of the ordinary in a store: fixed limits, and limits from the store's own clips of the same kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from preprocess.store.clip_rows import CLIP_KEYS
from preprocess.store.manifest import ClipColumn

__all__ = ["REASON", "RULES", "LimitRule", "Rule", "UsualRule", "find_outliers", "flagged"]

_Level = Literal["clip", "view"]
_Numbers = npt.NDArray[np.float64]
_Mask = npt.NDArray[np.bool_]
REASON = "reason"
OUTLIER_COLUMNS = (*CLIP_KEYS, REASON, "measure", "value", "low", "high", "severity")
_MIN_GROUP = 20  # fewer clips of a vendor and view do not tell what is usual: those of all vendors are taken
_TO_SIGMA = 1.4826  # from the median absolute deviation to a normal distribution's standard deviation


class Rule(Protocol):
    """Something that may be wrong with a clip.

    Attributes:
        reason: what it is, in words.
        measure: column of the table of measures.
        level: `clip`, or `view` where all slices share the value and one row is enough.
    """

    @property
    def reason(self) -> str: ...  # noqa: D102
    @property
    def measure(self) -> str: ...  # noqa: D102
    @property
    def level(self) -> _Level: ...  # noqa: D102

    def limits(self, clips: pd.DataFrame) -> tuple[_Numbers, _Numbers, _Mask]:
        """Lower and upper limit of each clip in the measure's unit, `[clip]`, and which clips are judged, `[clip]`."""


def _everything(clips: pd.DataFrame) -> _Mask:
    return np.ones(len(clips), dtype=bool)


@dataclass(frozen=True)
class LimitRule:
    """Fixed limits, the same for every store."""

    reason: str
    measure: str
    low: float = -np.inf
    high: float = np.inf
    level: _Level = "clip"
    where: Callable[[pd.DataFrame], _Mask] = _everything

    def limits(self, clips: pd.DataFrame) -> tuple[_Numbers, _Numbers, _Mask]:
        """The same limits for each clip, `[clip]`, and where they hold, `[clip]`."""
        return np.full(len(clips), self.low), np.full(len(clips), self.high), self.where(clips)


@dataclass(frozen=True)
class UsualRule:
    """Limits around the median of the clips of the same vendor and view.

    Attributes:
        reason: what it is, in words.
        measure: column of the table of measures.
        times: how many robust standard deviations are allowed.
        at_least: and at least this distance, as a share of the median (`is_ratio`) or in the measure's unit.
        is_ratio: distances are counted in logarithms, for measures that scale.
        level: `clip` or `view`.
        where: which clips are judged, and make the median.
    """

    reason: str
    measure: str
    times: float
    at_least: float
    is_ratio: bool = False
    level: _Level = "clip"
    where: Callable[[pd.DataFrame], _Mask] = _everything

    def limits(self, clips: pd.DataFrame) -> tuple[_Numbers, _Numbers, _Mask]:
        """Median ± a robust distance, by vendor and view, `[clip]`, and which clips have a value to judge, `[clip]`."""
        judged = self.where(clips) & clips[self.measure].notna().to_numpy()
        values = clips[self.measure].astype("float64").where(judged)
        if self.is_ratio:
            judged &= (values > 0).to_numpy()
            values = np.log(values.where(values > 0))
        centre = _group_median(values, clips)
        spread = _TO_SIGMA * _group_median((values - centre).abs(), clips)
        floor = np.log1p(self.at_least) if self.is_ratio else self.at_least
        reach = np.maximum(self.times * spread, floor)
        low, high = centre - reach, centre + reach
        if self.is_ratio:
            low, high = np.exp(low), np.exp(high)
        return low, high, judged


def _group_median(values: pd.Series[float], clips: pd.DataFrame) -> _Numbers:
    """The median of each clip's vendor and view, or of its view alone where a vendor has few clips."""
    fine = values.groupby([clips[ClipColumn.VENDOR], clips[ClipColumn.VIEW]])
    coarse = values.groupby(clips[ClipColumn.VIEW])
    enough = fine.transform("count") >= _MIN_GROUP
    medians = fine.transform("median").where(enough, coarse.transform("median"))
    return np.asarray(medians, dtype=np.float64)


def _is_inner(clips: pd.DataFrame) -> _Mask:
    """All but the first and the last slice of a stack, which may lie beyond the heart."""
    single = clips["n_slices"] == 1
    inner = (clips[ClipColumn.SLICE] > 0) & (clips[ClipColumn.SLICE] < clips["n_slices"] - 1)
    return np.asarray(single | inner)


def _is_noise_alone(clips: pd.DataFrame) -> _Mask:
    return np.asarray(clips["motion"] < 2 * clips["noise"])


def _moves(clips: pd.DataFrame) -> _Mask:
    return np.asarray((clips["motion"] > 3 * clips["noise"]) & (clips["motion"] > 0.02))


def _is_lit(clips: pd.DataFrame) -> _Mask:
    return np.asarray(clips["brightness"] > 0.02)


def _is_in_order(clips: pd.DataFrame) -> _Mask:
    return np.asarray(_moves(clips) & (clips["jumpiness"] < 0.5))


RULES: tuple[Rule, ...] = (
    LimitRule("black or nearly black", "brightness", low=0.02),
    LimitRule("nearly white", "brightness", high=0.85),
    LimitRule("no contrast", "contrast", low=0.08, where=_is_lit),
    LimitRule("clipped at the window's upper end", "saturated", high=0.03),
    LimitRule("a frame is dark", "dimmest_frame", low=0.5, where=_is_lit),
    LimitRule("a frame is bright", "brightest_frame", high=1.8, where=_is_lit),
    LimitRule("repeated frames", "repeated_frames", high=0, where=_is_lit),
    LimitRule("nothing moves", "motion", low=0.008, where=_is_lit),
    LimitRule(
        "nothing moves but noise",
        "jumpiness",
        high=0.5,
        where=lambda clips: _is_inner(clips) & _is_noise_alone(clips) & _is_lit(clips),
    ),
    LimitRule("frames jump: wrong order, or arrhythmia", "jumpiness", high=0.5, where=_moves),
    LimitRule("heart not in the centre", "off_centre", high=0.6, where=_is_in_order),
    LimitRule("implausible heart rate", "heart_rate_bpm", 30, 180, "view"),
    LimitRule("uneven trigger times", "uneven_times", high=0.5, level="view"),
    LimitRule("implausible pixel spacing", ClipColumn.ROW_SPACING, 0.4, 4.0, "view"),
    LimitRule("pixels are not square", "pixel_aspect", 0.8, 1.25, "view"),
    LimitRule("implausible field of view", "field_of_view_mm", 150, 600, "view"),
    LimitRule("implausible slice thickness", ClipColumn.SLICE_THICKNESS, 3, 15, "view"),
    LimitRule("few frames", "n_frames", low=10),
    LimitRule("gap or overlap between slices", "gap_ratio", 0.75, 1.35),
    LimitRule("slices displaced in their plane", "shift_mm", high=15),
    UsualRule("unusually dark or bright", "brightness", 6, 0.12, where=_is_lit),
    UsualRule("unusually noisy", "noise", 6, 1.0, is_ratio=True, where=_is_lit),
    UsualRule("unusual pixel spacing", ClipColumn.ROW_SPACING, 5, 0.5, is_ratio=True, level="view"),
    UsualRule("unusual matrix", "n_rows", 5, 1.0, is_ratio=True, level="view"),
    UsualRule("unusual slice thickness", ClipColumn.SLICE_THICKNESS, 5, 0.5, is_ratio=True, level="view"),
    UsualRule("unusual number of frames", "n_frames", 5, 0.6, is_ratio=True),
)


def find_outliers(measures: pd.DataFrame, rules: Sequence[Rule] = RULES) -> pd.DataFrame:
    """Apply rules to a table of measures.

    Returns:
        A row per clip (or view, then with slice -1) and reason: `OUTLIER_COLUMNS`, the most severe first. `severity`
        is the distance from the limit, comparable within a rule only, so that rows are dealt out rule by rule.
    """
    clips = measures[measures["problem"] == ""]
    # Measures that follow from several columns.
    typical = clips.groupby([ClipColumn.STUDY, ClipColumn.VIEW])["gap_mm"].transform("median")
    rows_mm, cols_mm = clips[ClipColumn.ROW_SPACING], clips[ClipColumn.COL_SPACING]
    clips = clips.assign(
        gap_ratio=clips["gap_mm"] / typical.where(typical > 0),
        pixel_aspect=rows_mm / cols_mm,
        field_of_view_mm=np.minimum(clips[ClipColumn.ROWS] * rows_mm, clips[ClipColumn.COLS] * cols_mm),
        n_rows=clips[ClipColumn.ROWS],
    )
    found = []
    for rule in rules:
        low, high, judged = rule.limits(clips)
        values = clips[rule.measure].to_numpy(dtype=np.float64)
        with np.errstate(invalid="ignore"):
            is_out = judged & ((values < low) | (values > high))
        rows = clips.loc[is_out, [ClipColumn.STUDY, ClipColumn.PATIENT, ClipColumn.VIEW, ClipColumn.SLICE]].copy()
        low, high, values = low[is_out], high[is_out], values[is_out]
        beyond = np.where(values < low, low - values, values - high)
        rows = rows.assign(reason=rule.reason, measure=rule.measure, value=values, low=low, high=high, severity=beyond)
        rows = rows.sort_values(
            ["severity", ClipColumn.STUDY, ClipColumn.VIEW, ClipColumn.SLICE], ascending=[False, True, True, True]
        )
        if rule.level == "view":
            rows = rows.drop_duplicates([ClipColumn.STUDY, ClipColumn.VIEW]).assign(slice=-1)
        found.append(rows[list(OUTLIER_COLUMNS)])
    table = pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=list(OUTLIER_COLUMNS))
    rank = table.groupby(REASON, sort=False).cumcount()
    order = np.lexsort((np.arange(len(table)), rank))
    dealt: pd.DataFrame = table.iloc[order].reset_index(drop=True)
    return dealt


def flagged(measures: pd.DataFrame, outliers: pd.DataFrame) -> list[str]:
    """The reasons of each row of the table of measures, joined by semicolons; empty for the others."""
    reasons: dict[tuple[str, str, int], list[str]] = {}
    for study, view, index, reason in zip(
        outliers[ClipColumn.STUDY], outliers[ClipColumn.VIEW], outliers[ClipColumn.SLICE], outliers[REASON], strict=True
    ):
        reasons.setdefault((study, view, int(index)), []).append(reason)
    places = zip(measures[ClipColumn.STUDY], measures[ClipColumn.VIEW], measures[ClipColumn.SLICE], strict=True)
    return [
        "; ".join([*reasons.get((study, view, -1), []), *reasons.get((study, view, int(index)), [])])
        for study, view, index in places
    ]
