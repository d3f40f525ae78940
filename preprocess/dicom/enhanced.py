"""Enhanced (multi-frame) MR: the functional groups of a file to one `Frame` per frame."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from preprocess.dicom.elements import as_number, items, number
from preprocess.dicom.frame import MAX_FRAMES, Frame, acquisition_stamp, common, matrix
from preprocess.dicom.image_kind import flow_or_part, image_type
from preprocess.dicom.pixel_format import frame_bytes, pixel_format
from preprocess.errors import PreprocessError
from preprocess.geometry import is_plane

__all__ = ["read_enhanced"]

# What counts as the dimension of time: temporal position, trigger delay, percentage of the cycle, trigger time.
_TIME_POINTERS = {0x0020_9128, 0x0020_9153, 0x0020_9241, 0x0018_1060}
_FILE_STEP = 1_000_000  # keeps the frames of several files apart when they are ordered by number
_CONVERTED = "UnassignedPerFrameConvertedAttributesSequence"
_SYNC = "CardiacSynchronizationSequence"


def read_enhanced(dataset: Dataset) -> list[Frame]:
    """Frames of an Enhanced MR file, in the order of the file.

    Raises:
        PreprocessError: frames and their groups do not match, or a frame has no geometry.
    """
    n_frames = int(number(dataset, "NumberOfFrames", 0))
    if n_frames > MAX_FRAMES:
        raise PreprocessError(f"file of more than {MAX_FRAMES} frames (refused)")
    shared = items(dataset, "SharedFunctionalGroupsSequence") or [Dataset()]
    frames = items(dataset, "PerFrameFunctionalGroupsSequence")
    if n_frames < 1 or len(frames) != n_frames:
        raise PreprocessError("Enhanced MR file whose frames and functional groups do not match")
    size = matrix(dataset)
    pixels, syntax = frame_bytes(dataset, n_frames, size[0] * size[1])
    values, stamp = common(dataset), acquisition_stamp(dataset)
    dimensions = items(dataset, "DimensionIndexSequence")
    pointers = [int(as_number(item.get("DimensionIndexPointer") or 0)) for item in dimensions]
    time_dimension = next((index for index, pointer in enumerate(pointers) if pointer in _TIME_POINTERS), -1)
    file = _File(dataset, size, syntax, values, stamp, time_dimension)
    return [_frame(file, pixels[index], _Groups(shared[0], own), index) for index, own in enumerate(frames)]


@dataclass(frozen=True)
class _File:
    """What the frames of a file share; `time_dimension` is the place of time among the dimension indices, or −1."""

    dataset: Dataset
    size: tuple[int, int]
    syntax: str
    values: dict[str, Any]
    stamp: str
    time_dimension: int


class _Groups:
    """Functional groups of a frame: its own come before the shared ones."""

    def __init__(self, shared: Dataset, own: Dataset) -> None:
        self._places = (own, shared)

    def get(self, sequence: str, keyword: str) -> Any:
        """A value of the first item of a group; None where absent."""
        for place in self._places:
            value = next((item.get(keyword) for item in items(place, sequence)), None)
            if value is not None:
                return value
        return None

    def text(self, sequence: str, keyword: str) -> str:
        """A value as text, several joined by backslashes; empty where absent."""
        value = self.get(sequence, keyword)
        if value is None:
            return ""
        return "\\".join(map(str, value)) if isinstance(value, list | MultiValue) else str(value)

    def numbers(self, sequence: str, keyword: str) -> tuple[float, ...]:
        """Finite numbers; empty where absent."""
        value = self.get(sequence, keyword)
        if value is None:
            return ()
        found = tuple(map(as_number, value if isinstance(value, list | MultiValue) else [value]))
        return found if all(map(math.isfinite, found)) else ()

    def number(self, sequence: str, keyword: str, default: float = math.nan) -> float:
        """The first number of a value."""
        return next(iter(self.numbers(sequence, keyword)), default)


def _frame(file: _File, pixels: bytes, groups: _Groups, index: int) -> Frame:
    position = groups.numbers("PlanePositionSequence", "ImagePositionPatient")
    orientation = groups.numbers("PlaneOrientationSequence", "ImageOrientationPatient")
    spacing = groups.numbers("PixelMeasuresSequence", "PixelSpacing")
    if not is_plane(orientation, spacing) or len(position) != 3:
        raise PreprocessError("image without geometry (position, orientation, spacing or size is missing)")
    stamp = groups.get("FrameContentSequence", "FrameAcquisitionDateTime") or file.stamp
    acquisition = groups.number("FrameContentSequence", "FrameAcquisitionNumber", 0)
    slope = groups.number("PixelValueTransformationSequence", "RescaleSlope", 1.0) or 1.0
    intercept = groups.number("PixelValueTransformationSequence", "RescaleIntercept", 0.0)
    # When it is in the heart beat: trigger time in ms, percentage, and index; unknown numbers are NaN, the index 0.
    percent = groups.number(_SYNC, "NominalPercentageOfCardiacPhase")
    interval = groups.number(_SYNC, "RRIntervalTimeNominal") or math.nan
    known = (
        groups.number(_SYNC, "NominalCardiacTriggerDelayTime"),
        groups.number(_SYNC, "ActualCardiacTriggerDelayTime"),
        groups.number(_CONVERTED, "TriggerTime"),
        percent / 100.0 * interval,
    )
    temporal_index = int(groups.number("FrameContentSequence", "TemporalPositionIndex", 0))
    values = groups.numbers("FrameContentSequence", "DimensionIndexValues")
    if temporal_index <= 0 and 0 <= file.time_dimension < len(values):
        temporal_index = int(values[file.time_dimension])
    return Frame(
        **_kind(file, groups, index),
        acquired=str(stamp)[:21],
        instance_number=int(number(file.dataset, "InstanceNumber", 0)) * _FILE_STEP + index + 1,
        acquisition_number=int(acquisition) or file.values["acquisition_number"],
        temporal_index=temporal_index,
        trigger_time=next((time for time in known if not math.isnan(time)), math.nan),
        phase_percent=percent,
        rows=file.size[0],
        cols=file.size[1],
        spacing=(spacing[0], spacing[1]),
        thickness=groups.number("PixelMeasuresSequence", "SliceThickness"),
        orientation=orientation,
        position=position,
        pixels=pixel_format(file.dataset, (pixels, file.syntax), slope, intercept),
    )


def _kind(file: _File, groups: _Groups, index: int) -> dict[str, Any]:
    """Arguments of `Frame` that differ from those of the file."""
    own_type = groups.text("MRImageFrameTypeSequence", "FrameType")
    words = image_type(own_type) if own_type else file.values["image_type"]
    contrast = groups.text("MRModifierSequence", "PhaseContrast")
    component = groups.text("MRImageFrameTypeSequence", "ComplexImageComponent")
    return {
        **{name: value for name, value in file.values.items() if name != "acquisition_number"},
        "instance_uid": f"{file.values['instance_uid']}#{index}" if file.values["instance_uid"] else "",
        "image_type": words,
        "flaw": file.values["flaw"] or flow_or_part(words, contrast, component),
        "phases": 0,  # counts the frames of the file in some vendors' Enhanced MR
    }
