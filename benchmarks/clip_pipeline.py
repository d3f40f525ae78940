"""Reading and augmenting a clip on one CPU core: the paper's way and ours, in one run.

    python -m benchmarks.clip_pipeline [--repeats 7] [--resize nearest|bilinear] [--quick] [--out FILE]

Both start from the same simulated acquisition. The baseline (`paper_clip.py`) is the paper's files and operations;
ours is the study store, `ClipReader` and `ClipTransform` with the paper's augmentation. Every repeat measures both on
the same 8 clips with the same draws, the baseline one by one and ours as a batch, with the files in the page cache.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypeVar, get_args

import numpy as np
import numpy.typing as npt
import torch

from benchmarks import paper_clip
from benchmarks.paper_clip import Resize
from benchmarks.timing import machine
from cmr_clip.clips.batch import Clip, stack_clips
from cmr_clip.clips.reader import ClipKey, ClipReader
from cmr_clip.clips.spec import ClipSpec
from cmr_clip.transforms.clip_transform import ClipTransform
from cmr_clip.transforms.crop_augmix import CropAugMix
from preprocess.store.study import CineStack, Study
from preprocess.store.study_file import write_study
from preprocess.store.views import View

Result = TypeVar("Result")


@dataclass(frozen=True)
class Setting:
    """Sizes of the measurement.

    Attributes:
        matrix: rows and columns as acquired and in the study store.
        stored: rows and columns in the paper's files.
        cine: frames of a cine.
        frames: frames of a clip.
        size: rows and columns of a clip.
        batch: clips of a repeat: a batch of ours, one after the other in the baseline.
        repeats: measurements of each.
        resize: how the baseline's files were resized: nearest as in the paper's data, bilinear as in today's tool,
            whose fractions compress less and take longer to read.
    """

    matrix: int = 256
    stored: int = 360
    cine: int = 30
    frames: int = 16
    size: int = 224
    batch: int = 8
    repeats: int = 7
    resize: Resize = "nearest"


QUICK = Setting(matrix=64, stored=90, cine=10, frames=4, size=48, batch=2, repeats=2)


def simulate(setting: Setting, seed: int) -> npt.NDArray[np.uint16]:
    """A beating ring in a noisy body, in scanner units, `[cine, matrix, matrix]`."""
    rng = np.random.default_rng(seed)
    side = setting.matrix
    rows, columns = np.mgrid[:side, :side] / side - 0.5
    beat = 1 - 0.3 * np.sin(np.pi * np.arange(setting.cine) / setting.cine)[:, None, None]
    distance = np.hypot(rows, columns)[None]
    body = 250.0 * (np.hypot(rows, 0.7 * columns) < 0.4)
    signal = body + 650 * (distance < 0.1 * beat) - 150 * ((distance >= 0.1 * beat) & (distance < 0.14))
    noise = rng.normal(0, 20, (2, *signal.shape))
    magnitude: npt.NDArray[np.uint16] = np.rint(np.hypot(signal + noise[0], noise[1])).astype(np.uint16)
    return magnitude


def write_files(folder: Path, setting: Setting) -> list[ClipKey]:
    """The same cines in both forms; returns the keys of ours, whose studies name the paper's files."""
    keys = []
    for number in range(setting.batch):
        cine, study = simulate(setting, number), f"{number:016x}"
        paper_clip.write(folder / f"{study}.paper.h5", cine, setting.stored, setting.resize)
        high = float(np.percentile(cine, 99.5))
        grey = np.rint((cine / high).clip(0, 1) * 255).astype(np.uint8)[None]
        write_study(folder / "store", Study("a" * 16, study, {View.CH4: _stack(grey, high)}))
        keys.append(ClipKey("a" * 16, study, View.CH4.value, 0))
    return keys


def _stack(pixels: npt.NDArray[np.uint8], high: float) -> CineStack:
    frames = pixels.shape[1]
    return CineStack(
        pixels=pixels,
        n_frames=np.array([frames], np.int32),
        pixel_spacing=(1.4, 1.4),
        slice_thickness=8.0,
        image_orientation=np.array([1.0, 0, 0, 0, 1, 0]),
        image_position=np.zeros((1, 3)),
        trigger_time=np.arange(frames, dtype=float)[None] * 33,
        intensity_window=(0.0, high),
    )


class Clock:
    """Times of named stages in seconds per clip, by the wall clock and of the processor.

    On a machine that others use as well the wall clock counts their work too; the processor's time is then what one
    free core would need, since all files lie in memory.
    """

    def __init__(self) -> None:
        self.wall: dict[str, list[float]] = {}
        self.cpu: dict[str, list[float]] = {}

    def measure(self, stage: str, clips: int, work: Callable[[], Result]) -> Result:
        """Do the work once and note its times."""
        wall, cpu = time.perf_counter(), time.process_time()
        result = work()
        self.cpu.setdefault(stage, []).append((time.process_time() - cpu) / clips)
        self.wall.setdefault(stage, []).append((time.perf_counter() - wall) / clips)
        return result


def milliseconds(times: dict[str, list[float]], *stages: str) -> tuple[float, float]:
    """Median and least over the repeats, of the sum of some stages."""
    sums = [1000 * sum(together) for together in zip(*(times[stage] for stage in stages), strict=True)]
    return statistics.median(sums), min(sums)


THEIRS = ("baseline: read", "baseline: augment")
OURS = ("ours: read", "ours: augment")
CROP = "ours: crop and resize alone"


def run(setting: Setting, folder: Path) -> Clock:
    """Measure both, alternating."""
    keys = write_files(folder, setting)
    clock = Clock()
    for repeat in range(-1, setting.repeats):
        if repeat == 0:
            clock = Clock()  # the round before warmed up both, and compiled the loops of ours
        _measure_theirs(clock, setting, [folder / f"{key.study}.paper.h5" for key in keys])
        _measure_ours(clock, setting, folder / "store", keys)
    return clock


def _measure_theirs(clock: Clock, setting: Setting, paths: list[Path]) -> None:
    videos = clock.measure(THEIRS[0], len(paths), lambda: [paper_clip.read(path) for path in paths])

    def augment() -> None:
        for seed, video in enumerate(videos):
            rng = np.random.default_rng((seed, 1))  # as ClipTransform makes it: the same operations on both sides
            paper_clip.augment(video, setting.frames, setting.size, rng)

    clock.measure(THEIRS[1], len(paths), augment)


def _measure_ours(clock: Clock, setting: Setting, store: Path, keys: list[ClipKey]) -> None:
    spec = ClipSpec(n_frames=setting.frames, size=setting.size)
    cropped, whole = ClipTransform(spec, CropAugMix(augmix=None)), ClipTransform(spec, CropAugMix())

    def read() -> list[Clip]:
        reader = ClipReader(store, setting.frames)  # a new one, so that files are opened as often as in the baseline
        return [reader.read(key) for key in keys]

    clips = clock.measure(OURS[0], len(keys), read)
    clock.measure(OURS[1], len(keys), lambda: whole(stack_clips(clips), range(len(keys))))
    clock.measure(CROP, len(keys), lambda: cropped(stack_clips(clips), range(len(keys))))


def report(setting: Setting, clock: Clock) -> dict[str, float]:
    """Print the times, and return the numbers."""
    print(f"{setting.frames} × {setting.size} × {setting.size} of {setting.cine} frames, {setting.batch} clips")
    print(f"ms per clip, median (least) of {setting.repeats} repeats")
    print(f"{'':<30}{'processor':>18}{'wall clock':>18}")
    groups = {stage: (stage,) for stage in clock.cpu} | {"baseline": THEIRS, "ours": OURS}
    numbers: dict[str, float] = {}
    for name, stages in groups.items():
        line = f"{name:<30}"
        for kind, times in (("cpu", clock.cpu), ("wall", clock.wall)):
            median, least = milliseconds(times, *stages)
            numbers |= {f"{name}, {kind} ms": median, f"{name}, {kind} ms, least": least}
            line += f"{f'{median:.1f} ({least:.1f})':>18}"
        print(line)
    line = f"{'ratio':<30}"
    for kind in ("cpu", "wall"):
        ratios = [
            numbers[f"baseline, {kind} ms{least}"] / numbers[f"ours, {kind} ms{least}"] for least in ("", ", least")
        ]
        numbers |= {f"ratio, {kind}": ratios[0], f"ratio, {kind}, least": ratios[1]}
        line += f"{f'{ratios[0]:.1f} ({ratios[1]:.1f})':>18}"
    print(line)
    return numbers


def use_one_core() -> dict[str, str | int]:
    """Keep to one core, and say which machine it is."""
    torch.set_num_threads(1)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    load = f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores" if hasattr(os, "getloadavg") else "unknown"
    return {**machine(torch.device("cpu")), "load": load}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, help="measurements of each (default 7)")
    parser.add_argument("--matrix", type=int, help="rows and columns as acquired (default 256)")
    parser.add_argument("--resize", choices=get_args(Resize), help="of the baseline's files (default nearest)")
    parser.add_argument("--quick", action="store_true", help="tiny clips, to see that it runs; no measure of speed")
    parser.add_argument("--out", type=Path, help="also write the numbers here")
    parser.add_argument("--require", type=float, help="end with an error if the ratio of processor times is lower")
    args = parser.parse_args()
    given = {name: value for name in ("repeats", "matrix", "resize") if (value := getattr(args, name)) is not None}
    setting = replace(QUICK if args.quick else Setting(), **given)
    where = use_one_core()
    print(", ".join(f"{name} {value}" for name, value in where.items()))
    with tempfile.TemporaryDirectory() as folder:
        clock = run(setting, Path(folder))
    numbers = report(setting, clock)
    if args.out is not None:
        args.out.write_text(json.dumps({**where, **asdict(setting), **numbers}, indent=2) + "\n")
    if args.require is not None and numbers["ratio, cpu"] < args.require:
        sys.exit(f"the ratio is {numbers['ratio, cpu']:.1f}, not {args.require:g}")


if __name__ == "__main__":
    main()
