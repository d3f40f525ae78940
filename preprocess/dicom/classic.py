"""Classic MR: a file to one `Frame`."""

from __future__ import annotations

import math

from pydicom.dataset import Dataset

from preprocess.dicom.elements import double, number, numbers, text
from preprocess.dicom.frame import Frame, acquisition_stamp, common, matrix
from preprocess.dicom.image_kind import flow_or_part
from preprocess.dicom.pixel_format import frame_bytes, pixel_format
from preprocess.errors import PreprocessError
from preprocess.geometry import is_plane

__all__ = ["read_classic"]


def read_classic(dataset: Dataset) -> Frame:
    """The frame of a classic MR file.

    Raises:
        PreprocessError: several frames, no geometry, or no pixels.
    """
    if int(number(dataset, "NumberOfFrames", 1)) > 1:
        raise PreprocessError("multi-frame file that is not Enhanced MR")
    rows, cols = matrix(dataset)
    spacing, orientation = numbers(dataset, "PixelSpacing"), numbers(dataset, "ImageOrientationPatient")
    position = numbers(dataset, "ImagePositionPatient")
    if not is_plane(orientation, spacing) or len(position) != 3:
        raise PreprocessError("image without geometry (position, orientation, spacing or size is missing)")
    values = common(dataset)
    values["flaw"] = values["flaw"] or flow_or_part(
        values["image_type"], text(dataset, "PhaseContrast"), text(dataset, "ComplexImageComponent")
    )
    (frame,), syntax = frame_bytes(dataset, 1, rows * cols)
    trigger_time, percent = number(dataset, "TriggerTime"), math.nan
    if math.isnan(trigger_time):  # rare
        percent = double(dataset, "NominalPercentageOfCardiacPhase")
        trigger_time = percent / 100.0 * (number(dataset, "NominalInterval") or math.nan)
    return Frame(
        **values,
        acquired=acquisition_stamp(dataset),
        instance_number=int(number(dataset, "InstanceNumber", 0)),
        temporal_index=int(number(dataset, "TemporalPositionIdentifier", 0)),
        trigger_time=trigger_time,
        phase_percent=percent,
        rows=rows,
        cols=cols,
        spacing=(spacing[0], spacing[1]),
        thickness=number(dataset, "SliceThickness"),
        orientation=orientation,
        position=position,
        pixels=pixel_format(
            dataset,
            (frame, syntax),
            number(dataset, "RescaleSlope", 1.0) or 1.0,
            number(dataset, "RescaleIntercept", 0.0),
        ),
    )
