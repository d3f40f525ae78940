"""What is a damaged HDF5 file, said once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from preprocess.errors import DamagedFileError, MachineError, machine_fault

__all__ = ["reading_hdf5"]

# What h5py raises where the HDF5 library finds bytes that are not what the format says: OSError for the file's frame
# and for coded pixels (without a number, see `machine_fault`), KeyError for objects, ValueError for names and sizes,
# RuntimeError for all else. Types that numpy does not know would be a TypeError: look at the type before the value.
_DAMAGED = (OSError, RuntimeError, KeyError, ValueError)


@contextmanager
def reading_hdf5(what: str | Callable[[], str] = "", remedy: str = "") -> Iterator[None]:
    """A block of calls of h5py, and of nothing else: an error of our own must not look like damage.

    Args:
        what: is read, for the message; a function where telling it takes time.
        remedy: what to do about a damaged file.

    Raises:
        DamagedFileError: the file is not what HDF5 says.
        MachineError: the machine could not read it.
    """
    try:
        yield
    except MemoryError as error:
        raise MachineError(_of(what, machine_fault(error))) from error
    except _DAMAGED as error:
        if fault := machine_fault(error):
            raise MachineError(_of(what, fault)) from error
        raise DamagedFileError(_of(what, f"damaged HDF5 ({type(error).__name__})"), remedy) from error


def _of(what: str | Callable[[], str], problem: str) -> str:
    name = what if isinstance(what, str) else what()
    return f"{name}: {problem}" if name else problem
