"""The errors a user can mend; each names what is wrong, where, and what to do about it."""

from __future__ import annotations

import os

__all__ = ["DamagedFileError", "MachineError", "MendableError", "PreprocessError", "machine_fault"]


class MendableError(Exception):
    """Something that the user can put right; the command lines print it as one line.

    Args:
        problem: What is wrong, naming the file or field but never a patient.
        remedy: What the user can do, if anything.
    """

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(f"{problem} ({remedy})" if remedy else problem)
        self.problem = problem
        self.remedy = remedy


class PreprocessError(MendableError):
    """Bad input to the preprocessing; the conversion turns it into a ledger row."""


class DamagedFileError(PreprocessError):
    """A file whose content is not what its format says, or cannot be decoded."""


class MachineError(PreprocessError):
    """The machine could not read a file: memory, permission, a disk. It says nothing about the file."""


def machine_fault(error: BaseException) -> str:
    """What failed of the machine, as `Permission denied`; empty where the error is about what a file holds.

    The operating system numbers its errors. Libraries that find a file damaged raise `OSError` without a number.

    Args:
        error: what reading a file raised.
    """
    if isinstance(error, MemoryError):
        return "out of memory"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)  # the error's own text may quote a path
    return ""
