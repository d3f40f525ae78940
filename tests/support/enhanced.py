"""Two slices as one Enhanced MR file, frames in reverse order."""

from __future__ import annotations

from dataclasses import replace

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence

from tests.support.factories import SeriesSpec, dataset, encode, pixels

__all__ = ["enhanced"]

SPEC = SeriesSpec(n_slices=1)
SHARED_KEYWORDS = [
    "PatientID",
    "AccessionNumber",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SeriesDescription",
    "Manufacturer",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "SamplesPerPixel",
    "PhotometricInterpretation",
]


def enhanced(compress: bool = False, size: tuple[int, int] = SPEC.size) -> tuple[bytes, SeriesSpec]:
    """Two slices of twelve frames in one Enhanced MR file."""
    spec = replace(SPEC, n_slices=2, size=size)
    first = dataset(spec, 0, 0)
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4.1"
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = "1.2.3.4"
    for keyword in SHARED_KEYWORDS:
        setattr(ds, keyword, getattr(first, keyword))
    shared = Dataset()
    shared.PlaneOrientationSequence = Sequence([_item(ImageOrientationPatient=first.ImageOrientationPatient)])
    shared.PixelMeasuresSequence = Sequence([_item(PixelSpacing=[1.5, 1.25], SliceThickness=8)])
    ds.SharedFunctionalGroupsSequence = Sequence([shared])
    groups, data = [], b""
    for index in reversed(range(2 * spec.n_frames)):
        one, frame = divmod(index, spec.n_frames)
        group = Dataset()
        position = dataset(spec, one, frame).ImagePositionPatient
        group.PlanePositionSequence = Sequence([_item(ImagePositionPatient=position)])
        group.CardiacSynchronizationSequence = Sequence([_item(NominalCardiacTriggerDelayTime=40.0 * frame)])
        group.FrameContentSequence = Sequence([_item(TemporalPositionIndex=frame + 1)])
        groups.append(group)
        data += pixels(0, one, frame, spec.size).tobytes()
    ds.PerFrameFunctionalGroupsSequence = Sequence(groups)
    ds.NumberOfFrames = len(groups)
    ds.PixelData = data
    if compress:
        ds.compress(pydicom.uid.RLELossless, generate_instance_uid=False)
    return encode(ds), spec


def _item(**values: object) -> Dataset:
    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item
