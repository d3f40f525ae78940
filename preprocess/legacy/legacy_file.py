"""Reads the two HDF5 layouts of the paper's public tools, with true slice boundaries.

The layouts (facts, not code, of `cmr_toolkit` and `cmr_transformer`): a data set per series, named by its description
(A) or its view (B); float32 `[f, 3, h, w]` (A, rgb), uint8 `[f, h, w]` (A, grey) or float32 `[3, f, h, w]` (B), three
equal channels. `slice_frames` holds the index of the last frame of every slice but the last one, `total_images` the
number of source files, which is larger than `f` where some could not be read. Files are untrusted.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from preprocess.errors import DamagedFileError, PreprocessError
from preprocess.legacy.header import FROM_DICOM, Layout, LegacyHeader, read_header
from preprocess.store.hdf5 import reading_hdf5
from preprocess.store.schema import SCHEMA

__all__ = ["Layout", "LegacyFile", "LegacyHeader", "LegacySeries", "open_legacy", "read_legacy"]

Frames = npt.NDArray[np.float32] | npt.NDArray[np.uint8]

_AGAIN = "copy it again, or " + FROM_DICOM
_MAX_SERIES = 1000
_BLOCK = 32  # frames read at once, so that three channels never lie in memory for a whole slice


@dataclass(frozen=True)
class LegacySeries:
    """A series: `slices[slice]` is `[frame, row, col]`; slices may differ in their number of frames."""

    header: LegacyHeader
    slices: tuple[Frames, ...]


class LegacyFile:
    """An open file of one study.

    Attributes:
        headers: series that can be read, by key.
        problems: what is wrong with each other member of the file, by key.
    """

    def __init__(self, file: h5py.File) -> None:
        self._file = file
        self.headers: dict[str, LegacyHeader] = {}
        self.problems: dict[str, PreprocessError] = {}
        with reading_hdf5("the file", _AGAIN):
            is_own = SCHEMA.name in file.attrs
            names = sorted(file)
        if is_own:
            raise PreprocessError("a file of our own store, no legacy file", "give the folder of the legacy files")
        if len(names) > _MAX_SERIES:
            raise PreprocessError(f"more than {_MAX_SERIES} series in one file", FROM_DICOM)
        for number, name in enumerate(names, start=1):
            try:
                with reading_hdf5(f"data set {number}", _AGAIN):
                    self.headers[name] = read_header(file, name, number)
            except PreprocessError as error:
                self.problems[name] = error

    def read(self, name: str, only: tuple[int, ...] | None = None) -> LegacySeries:
        """Read a series, or some of its slices.

        Raises:
            PreprocessError: damaged, channels that differ, or values that are no numbers.
        """
        header = self.headers[name]
        wanted = range(len(header.n_frames)) if only is None else only
        with reading_hdf5(f"data set {header.number}", _AGAIN):
            data = self._file[name]
            return LegacySeries(header, tuple(_read_slice(data, header, index) for index in wanted))


@contextmanager
def open_legacy(path: Path) -> Iterator[LegacyFile]:
    """Open a file of either layout; its pixels are read by `LegacyFile.read`.

    Raises:
        PreprocessError: no HDF5 file, or not of these layouts. The message names neither file nor series.
    """
    with ExitStack() as opened:
        try:
            with reading_hdf5():
                file = opened.enter_context(h5py.File(path, "r"))
        except DamagedFileError as error:
            raise DamagedFileError("not a readable HDF file", _AGAIN) from error
        yield LegacyFile(file)


def read_legacy(path: Path) -> dict[str, LegacySeries]:
    """Read all series of a file, each divided into its slices.

    Raises:
        PreprocessError: the file or one of its series is not what the layouts say.
    """
    with open_legacy(path) as file:
        for problem in file.problems.values():
            raise problem
        return {name: file.read(name) for name in file.headers}


def _read_slice(data: h5py.Dataset, header: LegacyHeader, index: int) -> Frames:
    start, stop = header.bounds[index], header.bounds[index + 1]
    values: npt.NDArray[Any] = np.empty((stop - start, *header.size), np.uint8 if header.is_grey8 else np.float32)
    for first in range(start, stop, _BLOCK):
        channels = header.layout.read(data, slice(first, min(first + _BLOCK, stop)))
        if not np.isfinite(channels).all():
            raise PreprocessError(f"data set {header.number}: values that are no numbers", FROM_DICOM)
        if not all(np.array_equal(channels[0], other) for other in channels[1:]):
            raise PreprocessError(f"data set {header.number}: its channels differ (a colour picture)", "leave it out")
        values[first - start : first - start + _BLOCK] = channels[0]
    return values
