"""What a data set of the paper's HDF5 layouts says of itself, checked before a pixel is read; files are untrusted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from preprocess.errors import PreprocessError

__all__ = ["FROM_DICOM", "Layout", "LegacyHeader", "read_header"]

FROM_DICOM = "convert the DICOM files of this study with cmr-preprocess convert"

_MAX_SIDE = 4096  # pixels
_MAX_VALUES = 350_000_000  # of one channel: the tool's limit of 2,500 files of 360 × 360 pixels, and some more
_MAX_CHUNK = 256 << 20  # bytes; the tool's chunks are below 1 MiB
_MAX_RATIO, _LOOKED_AT = 200, 64 << 20  # unpacked to stored bytes, above so many unpacked bytes
_FILTERS = (h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32, h5py.h5z.FILTER_LZF)


class Layout(str, Enum):
    """Order of the axes of a data set."""

    FRAME = "[h, w]"
    GREY = "[f, h, w]"
    COLOUR_FRAME = "[c, h, w]"
    FRAMES_FIRST = "[f, c, h, w]"
    CHANNELS_FIRST = "[c, f, h, w]"

    @classmethod
    def of(cls, shape: tuple[int, ...], n_files: int | None) -> Layout | None:
        """Order of the axes of a shape, None for other numbers of axes: the channel axis has length 3 or 1.

        Where two could be it, `n_files` is the other, else it is the one of length 3, else the second; at most three
        frames are at stake, and channels that differ are refused when they are read.
        """
        match shape:
            case (_, _):
                return cls.FRAME
            case (first, _, _):
                return cls.COLOUR_FRAME if first in (1, 3) and first != n_files else cls.GREY
            case (first, second, _, _):
                fits = {cls.FRAMES_FIRST: (second, first), cls.CHANNELS_FIRST: (first, second)}
                possible = [layout for layout, (channels, _) in fits.items() if channels in (1, 3)]
                return max(possible, key=lambda layout: (fits[layout][1] == n_files, fits[layout][0]), default=None)
        return None

    def read(self, data: h5py.Dataset, frames: slice) -> npt.NDArray[Any]:
        """Some frames of a data set of this layout, `[c, f, h, w]`, in its own numbers."""
        match self:
            case Layout.FRAME:
                block = data[()][None, None]
            case Layout.GREY:
                block = data[frames][None]
            case Layout.COLOUR_FRAME:
                block = data[()][:, None]
            case Layout.FRAMES_FIRST:
                block = data[frames].swapaxes(0, 1)
            case Layout.CHANNELS_FIRST:
                block = data[:, frames]
        channels: npt.NDArray[Any] = block
        return channels


@dataclass(frozen=True)
class LegacyHeader:
    """What a data set says of itself, before a pixel is read.

    Attributes:
        name: its key: a series description (free text of a hospital) or a view.
        number: its place among the file's keys, from 1; messages name it by this.
        layout: order of its axes.
        bounds: first frame of each slice, and the number of frames: `[slice + 1]`.
        size: rows and columns.
        is_grey8: values were scaled to 0–255 by the tool; otherwise they are the scanner's numbers.
        n_files: source files, those that the tool could not read included.
    """

    name: str
    number: int
    layout: Layout
    bounds: tuple[int, ...]
    size: tuple[int, int]
    is_grey8: bool
    n_files: int

    @property
    def n_frames(self) -> tuple[int, ...]:
        """Frames of each slice."""
        return tuple(end - start for start, end in pairwise(self.bounds))


def read_header(file: h5py.File, name: str, number: int) -> LegacyHeader:
    """Read and check the header of one member of a file.

    Raises:
        PreprocessError: no data set of the layouts, or one that claims absurd sizes; names it by `number`.
    """
    data = _own_data_set(file, name, number)
    n_files = _total_images(data, number)
    layout = Layout.of(data.shape, n_files)
    if layout is None:
        raise PreprocessError(
            f"data set {number}: its {len(data.shape)} axes are none of the known layouts", FROM_DICOM
        )
    rows, cols = data.shape[-2:]
    frames = 1 if layout in (Layout.FRAME, Layout.COLOUR_FRAME) else data.shape[layout is Layout.CHANNELS_FIRST]
    _check_size(data, rows, cols, frames, number)
    if n_files is not None and n_files < frames:
        raise PreprocessError(f"data set {number}: total_images is below the number of frames", FROM_DICOM)
    # [0, last₀ + 1, last₁ + 1, …, frames] from the last frame of every slice but the last.
    last = _integers(data, "slice_frames", number)
    if last is None:
        raise PreprocessError(f"data set {number}: no slice_frames", FROM_DICOM)
    bounds = (0, *(int(value) + 1 for value in last), frames)
    if any(end <= start for start, end in pairwise(bounds)):
        raise PreprocessError(f"data set {number}: slice_frames do not rise within its {frames} frames", FROM_DICOM)
    return LegacyHeader(name, number, layout, bounds, (rows, cols), data.dtype.kind == "u", n_files or frames)


def _own_data_set(file: h5py.File, name: str, number: int) -> h5py.Dataset:
    """The data set, if all of it lies in this file and in the filters that the tool uses."""
    link = file.get(name, getlink=True)
    if not isinstance(link, h5py.HardLink):
        raise PreprocessError(f"data set {number}: a link to another place", "links are not followed")
    data = file[name]
    if not isinstance(data, h5py.Dataset):
        raise PreprocessError(f"member {number} of the file is no data set", "only the tool's own files are read")
    creation = data.id.get_create_plist()
    if data.is_virtual or creation.get_external_count():
        raise PreprocessError(f"data set {number}: its data lie in other files", "only the tool's own files are read")
    filters = {creation.get_filter(index)[0] for index in range(creation.get_nfilters())}
    if not filters <= set(_FILTERS):
        raise PreprocessError(f"data set {number}: not gzip or lzf", "repack the file with h5repack -f GZIP=4")
    kind = data.id.get_type()
    is_known = (kind.get_class(), kind.get_size()) in ((h5py.h5t.FLOAT, 4), (h5py.h5t.INTEGER, 1))
    if not is_known or data.dtype.kind + str(data.dtype.itemsize) not in ("f4", "u1"):
        raise PreprocessError(f"data set {number}: neither float32 nor uint8", FROM_DICOM)
    if data.shape is None:
        raise PreprocessError(f"data set {number}: holds nothing", FROM_DICOM)
    return data


def _integers(data: h5py.Dataset, name: str, number: int) -> npt.NDArray[np.int64] | None:
    """An attribute as a list of whole numbers; None where it is absent."""
    if name not in data.attrs:
        return None
    found = data.attrs.get_id(name)
    if found.shape is None:
        raise PreprocessError(f"data set {number}: {name} is no list of whole numbers", FROM_DICOM)
    n_values = math.prod(found.shape)
    is_empty = n_values == 0
    is_whole = found.get_type().get_class() == h5py.h5t.INTEGER and found.get_type().get_size() in (1, 2, 4, 8)
    if len(found.shape) > 1 or n_values > 100_000 or not (is_whole or is_empty):
        raise PreprocessError(f"data set {number}: {name} is no list of whole numbers", FROM_DICOM)
    values: npt.NDArray[Any] = np.atleast_1d(np.asarray(data.attrs[name]))
    return np.zeros(0, np.int64) if is_empty else values.astype(np.int64)


def _total_images(data: h5py.Dataset, number: int) -> int | None:
    values = _integers(data, "total_images", number)
    if values is None:
        return None
    if values.size != 1 or not 0 < values[0] < 1 << 31:
        raise PreprocessError(f"data set {number}: total_images is no count", FROM_DICOM)
    return int(values[0])


def _check_size(data: h5py.Dataset, rows: int, cols: int, frames: int, number: int) -> None:
    """Refuse what would not fit into memory, or claims far more than the file holds."""
    if not 0 < rows <= _MAX_SIDE or not 0 < cols <= _MAX_SIDE or frames < 1 or frames * rows * cols > _MAX_VALUES:
        raise PreprocessError(f"data set {number}: {frames} frames of {rows} × {cols} pixels", FROM_DICOM)
    if data.chunks and math.prod(data.chunks) * data.dtype.itemsize > _MAX_CHUNK:
        raise PreprocessError(f"data set {number}: chunks too large", "repack the file with h5repack -f GZIP=4")
    stored, unpacked = data.id.get_storage_size(), data.size * data.dtype.itemsize
    if stored == 0 or (unpacked > _LOOKED_AT and unpacked > _MAX_RATIO * stored):
        raise PreprocessError(f"data set {number}: holds far fewer bytes than its size says", FROM_DICOM)
