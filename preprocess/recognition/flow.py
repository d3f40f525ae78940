"""Phase contrast: the magnitude images of a flow scan look like a cine; their phase images give them away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from preprocess.cines.series import Series
from preprocess.dicom.frame import Frame
from preprocess.dicom.image_kind import FLOW, component_of

__all__ = ["mark_flow"]

_TIME_OF_DAY = 12  # characters of an acquisition stamp that is more than a date
_Moment = tuple[str, float, tuple[float, ...]]


def mark_flow(series: Sequence[Series]) -> list[Series]:
    """Mark the series whose frames were scanned together with phase images, as flawed.

    A magnitude frame belongs to a phase frame of the same place and trigger time if both are of one series, or of one
    acquisition time. It takes half of a series' frames to mark it.
    """
    phases = [image for group in series if component_of(group.first.image_type) == "phase" for image in group.images]
    moments = {moment for image in phases for moment in _moments(image)}
    flaw = f"image type: {FLOW}, the magnitude of a flow scan"
    marked: list[Series] = []
    for group in series:
        is_flow = bool(moments) and _is_scanned_with(group, moments)
        marked.append(Series(tuple(replace(image, flaw=flaw) for image in group.images)) if is_flow else group)
    return marked


def _moments(image: Frame) -> list[_Moment]:
    place = tuple(round(value, 1) for value in image.position)
    found: list[_Moment] = [(image.series_uid, image.trigger_time, place)]
    if len(image.acquired) >= _TIME_OF_DAY:
        found.append((image.acquired, image.trigger_time, place))
    return found


def _is_scanned_with(series: Series, moments: set[_Moment]) -> bool:
    if component_of(series.first.image_type) != "magnitude" or series.first.flaw:
        return False
    shared = sum(any(moment in moments for moment in _moments(image)) for image in series.images)
    return 2 * shared >= len(series.images)
