"""What a stored file is made of, looked at without following anything that leads out of it."""

from __future__ import annotations

import math
import struct

import h5py

from preprocess.store.schema import pixel_problem
from preprocess.store.views import View

__all__ = ["chunk_problem", "data_problem", "members"]

_MAX_SLICES, _MAX_FRAMES, _MAX_SIDE = 1000, 2000, 4096
_MAX_CHUNK = 1 << 30  # bytes of one slice's cine
_BLOSC = 32001
_OVERHEAD = 4096  # bytes that a coded chunk may be larger than its pixels
# bit-shuffle, shuffle, deflate, Fletcher32, LZF, LZ4, Zstandard and Blosc: what a store may be coded with
_FILTERS = frozenset({h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_FLETCHER32,
                      h5py.h5z.FILTER_LZF, _BLOSC, 32004, 32008, 32015, 32026})  # fmt: skip
_MAX_MEMBERS = 64


def members(file: h5py.File) -> tuple[list[View], list[str]]:
    """The views that are data sets of this very file, and what is wrong with its other members."""
    if len(file) > _MAX_MEMBERS:
        return [], [f"{len(file)} members where a study has at most {len(View)} data sets"]
    views, problems = [], []
    known = {view.value: view for view in View}
    for name in file:
        link = file.get(name, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            problems.append("an external link: it leads to another file and was not followed")
        elif isinstance(link, h5py.SoftLink):
            problems.append("a soft link: it was not followed")
        elif name not in known:
            problems.append("a member that is none of the views (name not shown)")
        else:
            views.append(known[name])
    if not views and not problems:
        problems.append("the file holds no view")
    return views, problems


def data_problem(data: object) -> str:
    """What is wrong with a member as a data set; empty where its pixels may be read."""
    problem = pixel_problem(data)
    if problem or not isinstance(data, h5py.Dataset):
        return problem
    creation = data.id.get_create_plist()
    if data.is_virtual:
        return "a virtual data set: its pixels lie in other files and were not read"
    if creation.get_external_count():
        return "external storage: its pixels lie in another file and were not read"
    filters = {creation.get_filter(index)[0] for index in range(creation.get_nfilters())}
    return _size_problem(data) or ("" if filters <= _FILTERS else "coded by a filter that no store uses")


def _size_problem(data: h5py.Dataset) -> str:
    shape = data.shape
    if shape[0] > _MAX_SLICES or shape[1] > _MAX_FRAMES or max(shape[2:]) > _MAX_SIDE:
        return f"has an absurd size, {list(shape)}"
    if math.prod(shape[1:]) * data.dtype.itemsize > _MAX_CHUNK:
        return f"a slice is larger than {_MAX_CHUNK >> 20} MiB"
    if data.chunks != (1, *shape[1:]):
        return f"chunks are {list(data.chunks or [])}, not one slice's cine"
    return ""


def chunk_problem(data: h5py.Dataset, index: int) -> str:
    """What is wrong with the coded bytes of a slice before they are decoded: missing, or made to unpack to too much."""
    coordinates = (index, 0, 0, 0)
    n_bytes = math.prod(data.shape[1:]) * data.dtype.itemsize
    chunk = data.id.get_chunk_info_by_coord(coordinates)
    if chunk.byte_offset is None:
        return "no pixels are stored"
    if chunk.size > n_bytes + _OVERHEAD:
        return "more bytes are stored than the slice has"
    creation = data.id.get_create_plist()
    last = creation.get_nfilters() - 1
    if last >= 0 and creation.get_filter(last)[0] == _BLOSC and chunk.filter_mask == 0:
        _, coded = data.id.read_direct_chunk(coordinates)
        # The header of a Blosc chunk states the bytes before and after coding.
        if len(coded) < 16 or struct.unpack("<I4xI", coded[4:16]) != (n_bytes, len(coded)):
            return "coded bytes are damaged"
    return ""
