"""One DICOM file to the few values that the conversion needs; pixels are decoded later and only where stored."""

from __future__ import annotations

from preprocess.dicom.classic import read_classic
from preprocess.dicom.elements import UNREADABLE, parse, text
from preprocess.dicom.enhanced import read_enhanced
from preprocess.dicom.frame import Frame
from preprocess.dicom.malformed import reading_dicom
from preprocess.errors import PreprocessError

__all__ = ["read_images"]

_MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"
_ENHANCED_MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4.1"
_LEGACY_ENHANCED_MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4.4"


def read_images(data: bytes) -> list[Frame]:
    """The frames of a file: one for classic MR, many for Enhanced MR.

    Raises:
        PreprocessError: not DICOM, not an MR image, or damaged; the reason names no value of the file.
    """
    dataset = parse(data)
    with reading_dicom(UNREADABLE):
        sop_class = text(dataset, "SOPClassUID")
        if sop_class in (_ENHANCED_MR_IMAGE, _LEGACY_ENHANCED_MR_IMAGE):
            return read_enhanced(dataset)
        if sop_class == _MR_IMAGE:
            return [read_classic(dataset)]
    raise PreprocessError("not an MR image")
