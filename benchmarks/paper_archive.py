"""The stated baseline of `convert_study.py`: an archive to HDF5 as the paper's public tool does it.

Own code after the description of that tool: the archive is unpacked to a temporary folder, each file is read whole and
decoded, each frame is resized to 480 (bilinear, antialiased) and cut to 360, a series is kept as float32 with three
equal channels `[f, 3, 360, 360]` and written with gzip in automatic chunks.
"""

from __future__ import annotations

import tarfile
import tempfile
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt
import pydicom
import torch
from torch.nn import functional as F

__all__ = ["convert"]


def convert(archive: Path, out: Path, side: int = 480) -> None:
    """Convert one study; `side` is the short side before the centre of three quarters is cut out."""
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
        with h5py.File(out, "w") as file:
            for series in sorted(path for path in Path(folder).glob("*/*") if path.is_dir()):
                _series(file, series, side)


def _series(file: h5py.File, folder: Path, side: int) -> None:
    images = [pydicom.dcmread(path) for path in sorted(folder.iterdir())]
    images.sort(key=lambda image: (float(image.SliceLocation), int(image.InstanceNumber)))
    frames = np.stack([_resized(image.pixel_array, side) for image in images])
    places = np.array([float(image.SliceLocation) for image in images])
    name = str(images[0].SeriesDescription).replace(" ", "_").replace("/", "_")
    data = file.create_dataset(name, data=frames, dtype="f", compression="gzip")
    data.attrs["slice_frames"] = np.flatnonzero(places[1:] != places[:-1]).astype(np.int32)
    data.attrs["total_images"] = np.int32(len(images))


def _resized(pixels: npt.NDArray[np.uint16], side: int) -> npt.NDArray[np.float32]:
    """`[3, cut, cut]`."""
    frame = torch.from_numpy(np.stack([pixels.astype(np.float32)] * 3))[None]
    scale = side / min(frame.shape[-2:])
    size = [round(scale * length) for length in frame.shape[-2:]]
    resized = F.interpolate(frame, size=size, mode="bilinear", antialias=True, align_corners=False)[0]
    cut = round(0.75 * side)
    top, left = ((length - cut) // 2 for length in size)
    cropped: npt.NDArray[np.float32] = resized[:, top : top + cut, left : left + cut].numpy()
    return cropped
