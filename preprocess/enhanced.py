"""Enhanced (multi-frame) MR: the functional groups of a file to one `Image` per frame."""

from __future__ import annotations

import math
from typing import Any

from pydicom.dataset import Dataset

from preprocess.dicom import Image, PixelFormat, acquisition_stamp, common, plain_pixels
from preprocess.elements import number
from preprocess.errors import PreprocessError
from preprocess.geometry import is_plane

__all__ = ["read_enhanced"]


def read_enhanced(dataset: Dataset, data: bytes) -> list[Image]:
    """Frames of an Enhanced MR file, in the order of the file.

    Args:
        dataset: parsed file.
        data: its bytes, kept for decoding frames later.

    Raises:
        PreprocessError: frames and their groups do not match, or a frame has no geometry.
    """
    shared = dataset.get("SharedFunctionalGroupsSequence") or [Dataset()]
    frames = dataset.get("PerFrameFunctionalGroupsSequence") or []
    n_frames = int(number(dataset, "NumberOfFrames", 0))
    if n_frames < 1 or len(frames) != n_frames:
        raise PreprocessError("Enhanced MR file whose frames and functional groups do not match")
    pixels = plain_pixels(dataset, int(dataset.get("Rows") or 0) * int(dataset.get("Columns") or 0) * n_frames)
    size = len(pixels) // n_frames
    return [
        _frame(dataset, (pixels[index * size : (index + 1) * size], data), _Groups(shared[0], own), index)
        for index, own in enumerate(frames)
    ]


class _Groups:
    """Functional groups of a frame: its own come before the shared ones."""

    def __init__(self, shared: Dataset, own: Dataset) -> None:
        self._places = (own, shared)

    def get(self, sequence: str, keyword: str) -> Any:
        """A value of the first item of a group; None where absent."""
        for place in self._places:
            items = place.get(sequence)
            if items and items[0].get(keyword) is not None:
                return items[0].get(keyword)
        return None

    def numbers(self, sequence: str, keyword: str) -> tuple[float, ...]:
        """A value as numbers; empty where absent."""
        value = self.get(sequence, keyword)
        if value is None:
            return ()
        return tuple(float(part) for part in value) if hasattr(value, "__iter__") else (float(value),)

    def number(self, sequence: str, keyword: str, default: float) -> float:
        """The first number of a value."""
        return next(iter(self.numbers(sequence, keyword)), default)


def _frame(dataset: Dataset, plain_and_file: tuple[bytes, bytes], groups: _Groups, index: int) -> Image:
    position = groups.numbers("PlanePositionSequence", "ImagePositionPatient")
    orientation = groups.numbers("PlaneOrientationSequence", "ImageOrientationPatient")
    spacing = groups.numbers("PixelMeasuresSequence", "PixelSpacing")
    rows, cols = int(dataset.get("Rows") or 0), int(dataset.get("Columns") or 0)
    if not is_plane(orientation, spacing) or len(position) != 3 or not rows * cols:
        raise PreprocessError("image without geometry (position, orientation, spacing or size is missing)")
    stamp = groups.get("FrameContentSequence", "FrameAcquisitionDateTime") or acquisition_stamp(dataset)
    plain, file = plain_and_file
    values = common(dataset)
    values["instance_uid"] += f"#{index}"
    values["phases"] = 0  # counts the frames of the file in some vendors' Enhanced MR
    return Image(
        **values,
        acquired=str(stamp)[:14],
        instance_number=index + 1,
        temporal_index=int(groups.number("FrameContentSequence", "TemporalPositionIndex", 0)),
        trigger_time=groups.number("CardiacSynchronizationSequence", "NominalCardiacTriggerDelayTime", math.nan),
        rows=rows,
        cols=cols,
        spacing=(spacing[0], spacing[1]),
        thickness=groups.number("PixelMeasuresSequence", "SliceThickness", math.nan),
        orientation=orientation,
        position=position,
        pixels=PixelFormat(
            data=plain or file,
            frame=None if plain else index,
            bits_allocated=int(dataset.get("BitsAllocated") or 16),
            bits_stored=int(dataset.get("BitsStored") or 16),
            signed=dataset.get("PixelRepresentation") == 1,
            inverted=dataset.get("PhotometricInterpretation") == "MONOCHROME1",
            slope=groups.number("PixelValueTransformationSequence", "RescaleSlope", 1.0) or 1.0,
            intercept=groups.number("PixelValueTransformationSequence", "RescaleIntercept", 0.0),
        ),
    )
