"""Enhanced MR files as vendors write them: any order of frames, any way to say when a frame was."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as Items

from tests.support.factories import SeriesSpec, dataset, encode, pixels

_COPIED = (
    "PatientID", "AccessionNumber", "StudyInstanceUID", "SeriesInstanceUID", "SeriesDescription", "Manufacturer",
    "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "SamplesPerPixel",
    "PhotometricInterpretation", "InstanceNumber", "AcquisitionNumber", "ImageType",
)  # fmt: skip
Groups = dict[str, dict[str, Any]]  # functional group, keyword, value
Timing = Callable[[int, int], Groups]  # (slice, frame)


def item(**values: Any) -> Dataset:
    ds = Dataset()
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    return ds


def by_trigger(_: int, frame: int) -> Groups:
    return {"CardiacSynchronizationSequence": {"NominalCardiacTriggerDelayTime": 40.0 * frame}}


def by_actual_trigger(_: int, frame: int) -> Groups:
    return {"CardiacSynchronizationSequence": {"ActualCardiacTriggerDelayTime": 40.0 * frame}}


def by_index(_: int, frame: int) -> Groups:
    return {"FrameContentSequence": {"TemporalPositionIndex": frame + 1}}


def by_dimension(one: int, frame: int) -> Groups:
    """Only the indices of dimensions say it: stack, place in it, time."""
    return {"FrameContentSequence": {"DimensionIndexValues": [1, one + 1, frame + 1]}}


def by_percent(_: int, frame: int) -> Groups:
    return {"CardiacSynchronizationSequence": {"NominalPercentageOfCardiacPhase": 4.0 * frame}}


def by_percent_and_interval(_: int, frame: int) -> Groups:
    return {"CardiacSynchronizationSequence": {
        "NominalPercentageOfCardiacPhase": 4.0 * frame, "RRIntervalTimeNominal": 1000.0,
    }}  # fmt: skip


def by_converted(_: int, frame: int) -> Groups:
    return {"UnassignedPerFrameConvertedAttributesSequence": {"TriggerTime": 40.0 * frame}}


def every(spec: SeriesSpec) -> list[tuple[SeriesSpec, int, int]]:
    return [(spec, one, frame) for one in range(spec.n_slices) for frame in range(spec.n_frames)]


def enhanced_file(
    frames: Sequence[tuple[SeriesSpec, int, int]],
    *timings: Timing,
    uid: str = "1.2.3.4",
    number: int = 1,
    extra: Callable[[int], Groups] = lambda _: {},
    tags: dict[str, Any] | None = None,
) -> bytes:
    """A file of these (series, slice, frame), in this order; planes and spacings are each frame's own."""
    first = dataset(*frames[0])
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4.1"
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = uid
    for keyword in _COPIED:
        setattr(ds, keyword, getattr(first, keyword))
    ds.InstanceNumber, ds.AcquisitionDateTime = number, "20200601101500"
    pointers = (0x00209056, 0x00209057, 0x00209128)  # stack, place in the stack, time
    ds.DimensionIndexSequence = Items([item(DimensionIndexPointer=pydicom.tag.Tag(tag)) for tag in pointers])
    ds.SharedFunctionalGroupsSequence = Items([item(
        PixelMeasuresSequence=Items([item(PixelSpacing=[1.5, 1.25], SliceThickness=8)])
    )])  # fmt: skip
    ds.PerFrameFunctionalGroupsSequence = Items(
        _groups(spec, one, frame, [timing(one, frame) for timing in timings] + [extra(index)])
        for index, (spec, one, frame) in enumerate(frames)
    )
    ds.NumberOfFrames = len(frames)
    ds.PixelData = b"".join(pixels(spec.level, one, frame, spec.size).tobytes() for spec, one, frame in frames)
    for keyword, value in (tags or {}).items():
        setattr(ds, keyword, value)
        if keyword == "SOPClassUID":
            ds.file_meta.MediaStorageSOPClassUID = value
    return encode(ds)


def _groups(spec: SeriesSpec, one: int, frame: int, more: Iterable[Groups]) -> Dataset:
    classic = dataset(spec, one, frame)
    values: Groups = {
        "PlanePositionSequence": {"ImagePositionPatient": classic.ImagePositionPatient},
        "PlaneOrientationSequence": {"ImageOrientationPatient": classic.ImageOrientationPatient},
        "FrameContentSequence": {"StackID": spec.uid[-1:], "InStackPositionNumber": one + 1},
    }
    for groups in more:
        for name, group in groups.items():
            values[name] = values.get(name, {}) | group
    return item(**{name: Items([item(**group)]) for name, group in values.items()})
