"""Files as the paper's public tools write them; pixels tell slice and frame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

from preprocess.commands import import_legacy
from tests.support.commands import run_command

SIZE = (24, 20)
LAYOUTS = ("A rgb", "A grey", "B")
SERIES_NAMES = {
    "A rgb": ("SAX_FIESTA_BH", "4CH_FIESTA_BH"),
    "A grey": ("Kurzachse_cine", "cine_HLA"),
    "B": ("SAX", "4CH"),
}


def cine(slice_index: int, frames: int, level: int = 0, size: tuple[int, int] = SIZE) -> np.ndarray:
    """`[frame, row, col]`; the corner is 1000·level + 100·slice + frame."""
    gradient = np.arange(size[0] * size[1], dtype=np.float32).reshape(size)
    return gradient + 1000 * level + 100 * slice_index + np.arange(frames, dtype=np.float32)[:, None, None]


def stack(counts: Sequence[int], level: int = 0) -> list[np.ndarray]:
    return [cine(index, frames, level) for index, frames in enumerate(counts)]


def grey8(slices: Sequence[np.ndarray]) -> np.ndarray:
    """All frames scaled as the tool's grey option does."""
    every = np.concatenate(slices)
    return ((every - every.min()) / (every.max() - every.min() + 1e-8) * 255).clip(0, 255).astype(np.uint8)


def as_layout(slices: Sequence[np.ndarray], layout: str) -> np.ndarray:
    every = np.concatenate(slices).astype(np.float32)
    match layout:
        case "A rgb":
            return np.stack([every] * 3, axis=1)
        case "A grey":
            return grey8(slices)
        case "B":
            return np.stack([every] * 3, axis=0)
    raise ValueError(layout)


def add(
    path: Path,
    name: str,
    slices: Sequence[np.ndarray],
    layout: str = "A rgb",
    *,
    lost: int = 0,
    slice_frames: Sequence[int] | None = None,
    compression: str = "gzip",
) -> Path:
    """Append a series to a file; `slice_frames` is the last frame of every slice but the last one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    counts = [len(frames) for frames in slices]
    ends = (np.cumsum(counts)[:-1] - 1) if slice_frames is None else np.asarray(slice_frames)
    with h5py.File(path, "a") as file:
        data = file.create_dataset(name, data=as_layout(slices, layout), compression=compression, chunks=True)
        data.attrs["slice_frames"] = ends.astype(np.int32)
        data.attrs["total_images"] = np.int32(sum(counts) + lost)
    return path


def run_import(out: Path, *inputs: Path, code: int = 0, **options: object) -> Path:
    """Run `import-legacy` into a store; an option without a value is given as True."""
    arguments = ["--out", str(out), "--workers", str(options.pop("workers", 0))]
    for path in inputs:
        arguments += ["--input", str(path)]
    for name, value in {"key": out.parent / "site.key", **options}.items():
        option = f"--{name.replace('_', '-')}"
        arguments += [option] if value is True else [option, str(value)]
    assert run_command(import_legacy, *arguments) == code
    return out


def study_file(root: Path, layout: str = "B", *, study: str = "acc1", patient: str = "penn_m1") -> Path:
    """A study with a short-axis stack, of which two files were lost, and a four-chamber cine."""
    sax, four = SERIES_NAMES[layout]
    path = add(root / patient / f"{study}.h5", sax, stack((12, 13, 12)), layout, lost=2)
    return add(path, four, stack((14,), level=3), layout)
