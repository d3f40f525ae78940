"""Codecs and chunk layouts of the study store: size, writing time, and the time to read one stored clip at random.

    python -m benchmarks.clip_codecs [--repeats 60] [--matrix 256] [--quick] [--out FILE] [--markdown]

The data are ten short-axis cines of 30 frames, drawn as in `dicom_archive.py` and windowed to 8 bits as a conversion
does, and the complete slice of the real MICCAI RVSC example where it lies beside the repository. For every codec one
file per study is written, as many as the repeats need. A read opens a file that was not open, reads one slice and
closes the file. Candidates take turns, files in random order; the page cache is warm, or dropped for the file
(`posix_fadvise`) in the column `cold`. Processor time is the steadier number on a machine that does other work.
`*` marks what the store uses (`preprocess.store.study_file` writes it); `vs store` compares processor times of
reading with it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import h5py
import hdf5plugin
import numpy as np
import numpy.typing as npt

from benchmarks.dicom_archive import StudySize, draw_cine
from preprocess.cines.pixels import PERCENTILES
from preprocess.store.study import CineStack, Study
from preprocess.store.study_file import open_study, read_clip, write_study
from preprocess.store.views import View

__all__ = ["Codec", "codecs", "main", "measure"]

_LIMIT_MS = 5.0
_REAL = Path(__file__).resolve().parents[2] / "shared" / "real" / "rvsc_p09" / "P09dicom"
_PATIENT, _STUDY = "a" * 16, "b" * 16

Cines = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Codec:
    """A way to lay a data set out.

    Attributes:
        name: codec and chunks.
        options: of `create_dataset`.
        chunk: frames of a chunk; None for h5py's own choice, 0 for no chunks.
        is_store: what `write_study` does.
    """

    name: str
    options: Mapping[str, Any]
    chunk: int | None = -1
    is_store: bool = False

    def write(self, path: Path, cines: Cines) -> None:
        """Write `[slice, frame, row, col]` to a file of its own."""
        if self.is_store:
            _write_store(path, cines)
            return
        frames = cines.shape[1] if self.chunk == -1 else self.chunk
        chunks: Any = None if frames == 0 else True if frames is None else (1, frames, *cines.shape[2:])
        with h5py.File(path, "w") as file:
            file.create_dataset("SAX", data=cines, chunks=chunks, **self.options)


def _write_store(path: Path, cines: Cines) -> None:
    study = Study(_PATIENT, _STUDY, {View.SAX: _stack(cines)})
    write_study(path.parent / path.stem, study).replace(path)


def _stack(cines: Cines) -> CineStack:
    slices, frames = cines.shape[:2]
    return CineStack(
        pixels=cines,
        n_frames=np.full(slices, frames, np.int32),
        pixel_spacing=(1.4, 1.4),
        slice_thickness=8.0,
        image_orientation=np.array([1.0, 0, 0, 0, 1, 0]),
        image_position=np.zeros((slices, 3)),
        trigger_time=np.zeros((slices, frames)),
        intensity_window=(0.0, 255.0),
    )


def codecs() -> list[Codec]:
    """The store's own first, then what else there is."""
    blosc, blosc2, bits, bytes_ = (
        hdf5plugin.Blosc,
        hdf5plugin.Blosc2,
        hdf5plugin.Blosc.BITSHUFFLE,
        hdf5plugin.Blosc.SHUFFLE,
    )
    found = [Codec("the store's", {}, is_store=True), Codec("none, contiguous", {}, chunk=0), Codec("none, slice", {})]
    found.append(Codec("gzip 4, slice", {"compression": "gzip", "compression_opts": 4}))
    found.append(Codec("gzip 4, auto chunks", {"compression": "gzip", "compression_opts": 4}, chunk=None))
    found.append(Codec("lzf, slice", {"compression": "lzf"}))
    found.append(Codec("lz4, slice", dict(hdf5plugin.LZ4())))
    found.append(Codec("bitshuffle-lz4, slice", dict(hdf5plugin.Bitshuffle(cname="lz4"))))
    found += [Codec(f"zstd {level}, slice", dict(hdf5plugin.Zstd(clevel=level))) for level in (1, 3, 9)]
    for inner, levels in (("blosclz", (5,)), ("lz4", (5, 9)), ("lz4hc", (5,)), ("zstd", (1, 3, 5, 7, 9))):
        found += [
            Codec(f"blosc {inner} {level} bit, slice", dict(blosc(cname=inner, clevel=level, shuffle=bits)))
            for level in levels
        ]
    found.append(Codec("blosc zstd 5 byte, slice", dict(blosc(cname="zstd", clevel=5, shuffle=bytes_))))
    found.append(Codec("blosc zstd 5 plain, slice", dict(blosc(cname="zstd", clevel=5, shuffle=blosc.NOSHUFFLE))))
    found += [
        Codec(f"blosc2 {inner} {level} bit, slice", dict(blosc2(cname=inner, clevel=level, filters=blosc2.BITSHUFFLE)))
        for inner, level in (("lz4", 5), ("zstd", 1), ("zstd", 5))
    ]
    zstd = dict(blosc(cname="zstd", clevel=5, shuffle=bits))
    found.append(Codec("blosc zstd 5 bit, auto chunks", zstd, chunk=None))
    found.append(Codec("blosc zstd 5 bit, one frame", zstd, chunk=1))
    return found


def drawn(matrix: int, slices: int, frames: int) -> Cines:
    """Cines as a conversion stores them, `[slice, frame, row, col]`."""
    size = StudySize(matrix, frames, slices)
    cines = np.stack([draw_cine(size, (7, index), 1 - 0.6 * index / slices) for index in range(slices)])
    return _windowed(cines)


def _windowed(cines: npt.NDArray[Any]) -> Cines:
    low, high = np.percentile(cines, PERCENTILES)
    return np.rint(((cines - low) / (high - low)).clip(0, 1) * 255).astype(np.uint8)


def real() -> Cines | None:
    """The complete slice of the real example, `[1, frame, row, col]`; None where it is absent."""
    if not _REAL.is_dir():
        return None
    import pydicom

    slices: dict[str, list[Any]] = {}
    for path in sorted(_REAL.iterdir()):
        image = pydicom.dcmread(path)
        slices.setdefault(str(image.ImagePositionPatient), []).append(image)
    images = sorted(max(slices.values(), key=len), key=lambda image: float(image.TriggerTime))
    return _windowed(np.stack([image.pixel_array for image in images])[None])


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds by the wall clock and of the processor."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return 1000 * (time.perf_counter() - wall), 1000 * (time.process_time() - cpu)


def _read(path: Path, index: int) -> None:
    with h5py.File(path, "r") as file:
        assert file["SAX"][index].any()


def _drop_from_cache(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def measure(cines: Cines, candidates: list[Codec], repeats: int) -> dict[str, dict[str, float]]:
    """Numbers of each codec: ratio of sizes, milliseconds to write a slice and to read one."""
    rng = np.random.default_rng(0)
    numbers: dict[str, dict[str, float]] = {}
    n_files = max(1, min(repeats, 4))
    with tempfile.TemporaryDirectory() as folder:
        paths: dict[str, list[Path]] = {}
        for codec in candidates:
            paths[codec.name] = [Path(folder) / f"{len(paths)}_{index}.h5" for index in range(n_files)]
            times = [
                _timed(lambda codec=codec, path=path, at=at: codec.write(path, np.roll(cines, 8 * at, -1)))
                for at, path in enumerate(paths[codec.name])
            ]
            size = paths[codec.name][0].stat().st_size
            numbers[codec.name] = {
                "size ratio": cines.nbytes / size,
                "write cpu ms": min(c for _, c in times) / len(cines),
            }
        warm: dict[str, list[tuple[float, float]]] = {codec.name: [] for codec in candidates}
        cold: dict[str, list[float]] = {codec.name: [] for codec in candidates}
        for repeat in range(-1, repeats):
            for codec in candidates:
                path, index = paths[codec.name][int(rng.integers(n_files))], int(rng.integers(len(cines)))
                times_ms = _timed(lambda path=path, index=index: _read(path, index))
                if repeat >= 0:
                    warm[codec.name].append(times_ms)
                if repeat >= 0 and repeat % 4 == 0 and hasattr(os, "posix_fadvise"):
                    _drop_from_cache(path)
                    cold[codec.name].append(_timed(lambda path=path, index=index: _read(path, index))[0])
        for codec in candidates:
            own = numbers[codec.name]
            own["read ms"] = median(wall for wall, _ in warm[codec.name])
            own["read cpu ms"] = median(cpu for _, cpu in warm[codec.name])
            own["read ms, least"] = min(wall for wall, _ in warm[codec.name])
            if cold[codec.name]:
                own["cold ms"] = median(cold[codec.name])
    return numbers


def software(cines: Cines, repeats: int) -> tuple[float, float]:
    """Median milliseconds (wall, processor) of a clip read as the training reads it, from many files at random."""
    rng = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder)
        studies = [f"{number:016x}" for number in range(min(repeats, 12))]
        for number, study in enumerate(studies):
            rolled = np.roll(cines, 8 * number, -1)
            write_study(store, Study(_PATIENT, study, {View.SAX: _stack(rolled)}))

        def read() -> None:
            with open_study(store, _PATIENT, studies[rng.integers(len(studies))]) as file:
                assert read_clip(file, "SAX", int(rng.integers(len(cines)))).any()

        times = [_timed(read) for _ in range(repeats + 1)][1:]
    return median(wall for wall, _ in times), median(cpu for _, cpu in times)


def show(title: str, numbers: dict[str, dict[str, float]], candidates: list[Codec], *, markdown: bool) -> None:
    """Print a table; `vs store` is the store's processor time of reading over this one's."""
    store = next(codec.name for codec in candidates if codec.is_store)
    columns = list(numbers[store])
    print(f"\n{title}")
    head = ["codec, chunk", *columns, "vs store"]
    print(" | ".join(head).join(("| ", " |")) if markdown else f"{head[0]:34}" + "".join(f"{c:>15}" for c in head[1:]))
    if markdown:
        print("|" + "---|" * len(head))
    for name, row in numbers.items():
        label = f"{name} *" if name == store else name
        values = [row[column] for column in columns] + [numbers[store]["read cpu ms"] / row["read cpu ms"]]
        if markdown:
            print(f"| {label} | " + " | ".join(f"{value:.2f}" for value in values) + " |")
        else:
            print(f"{label:34}" + "".join(f"{value:15.2f}" for value in values))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("--repeats", type=int, default=60, help="reads of each candidate (default 60)")
    add("--matrix", type=int, default=256, help="rows and columns (default 256)")
    add("--quick", action="store_true", help="tiny cines, to see that it runs; no measure of speed")
    add("--markdown", action="store_true", help="tables for the documentation")
    add("--require", action="store_true", help=f"end with an error if a read takes more than {_LIMIT_MS:g} ms")
    add("--out", type=Path, help="also write the numbers here")
    args = parser.parse_args()
    matrix, slices, frames, repeats = (32, 2, 10, 3) if args.quick else (args.matrix, 10, 30, args.repeats)
    candidates = codecs()
    data = {f"drawn, {slices} slices of {frames} × {matrix} × {matrix}": drawn(matrix, slices, frames)}
    example = real()
    if example is not None and not args.quick:
        data["MICCAI RVSC P09, " + " × ".join(map(str, example.shape))] = example
    results = {}
    for title, cines in data.items():
        results[title] = measure(cines, candidates, repeats)
        show(title, results[title], candidates, markdown=args.markdown)
    reading, cpu = software(next(iter(data.values())), repeats)
    verdict = "holds" if reading <= _LIMIT_MS else "MISSED"
    print(f"\none clip through preprocess.store.study_file, newly opened: at most {_LIMIT_MS:g} ms: ", end="")
    print(f"{reading:.2f} {verdict} (processor time {cpu:.2f})")
    if args.out is not None:
        args.out.write_text(json.dumps(results, indent=2) + "\n")
    if args.require and reading > _LIMIT_MS:
        sys.exit("the target is missed")


if __name__ == "__main__":
    main()
