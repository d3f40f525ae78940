"""What is a damaged DICOM file, said once."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from pydicom.errors import BytesLengthException, InvalidDicomError

from preprocess.errors import DamagedFileError, MachineError, machine_fault

__all__ = ["reading_dicom"]

# What pydicom and the decoders raise on broken bytes: their own errors and those of struct and zlib; EOFError and
# OSError for an end too early; ValueError, LookupError and OverflowError for values; RuntimeError (NotImplementedError
# and RecursionError are such) for what they do not decode and for sequences within sequences without end.
_MALFORMED = (InvalidDicomError, BytesLengthException, struct.error, zlib.error, EOFError, OSError, ValueError,
              LookupError, OverflowError, RuntimeError)  # fmt: skip


@contextmanager
def reading_dicom(problem: str) -> Iterator[None]:
    """A block that reads a file's elements or decodes its pixels.

    Args:
        problem: what to say of a damaged file; pydicom's own words may quote identifiers.

    Raises:
        DamagedFileError: the bytes are not what DICOM says.
        MachineError: the machine could not read them.
    """
    try:
        yield
    except MemoryError as error:
        raise MachineError(f"DICOM file could not be read: {machine_fault(error)}") from error
    except _MALFORMED as error:
        if fault := machine_fault(error):
            raise MachineError(f"DICOM file could not be read: {fault}") from error
        raise DamagedFileError(problem) from error
