"""Conversion of a study of 390 frames: processor time and memory against the paper's way, and one worker against two.

    python -m benchmarks.convert_study [--repeats 3] [--studies 12] [--quick] [--require] [--out FILE]

Each measurement is a fresh process on one core. It first converts a tiny study, so that imports, plug-ins and lazy
loading are over; what is measured begins after that (start-up is stated apart). Memory is the peak of the whole
process, imports included (VmHWM, which unlike ru_maxrss does not take over the launching process's peak).
Baseline and ours take turns. Scaling converts further studies with one worker process and with two.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.dicom_archive import StudySize, make_study

__all__ = ["Targets", "main"]

_TINY = StudySize(matrix=32, frames=10, slices=2)
_QUICK = StudySize(matrix=48, frames=10, slices=2)


@dataclass(frozen=True)
class Targets:
    """What the project asks for: seconds of processor time, MB at the peak, and two workers over one."""

    cpu_s: float = 1.5
    peak_mb: float = 400.0
    scaling: float = 1.8


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _peak_mb() -> float:
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _way(name: str) -> Callable[[Path, Path], None]:
    """A function of (archive, output folder), with its imports done."""
    if name == "baseline":
        import torch

        from benchmarks import paper_archive

        torch.set_num_threads(1)
        return lambda archive, out: paper_archive.convert(archive, out / "study.h5")
    from preprocess.conversion.dicom_run import convert
    from preprocess.conversion.job import Job
    from preprocess.privacy.keys import SiteKey

    key = SiteKey(b"benchmark-key-16")

    def ours(archive: Path, out: Path) -> None:
        assert convert([archive], Job(out / "store", key), workers=0).has_stored

    return ours


def measure_here(name: str, archive: Path, tiny: Path) -> dict[str, float]:
    """Convert in this process, which should be a fresh one."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    convert = _way(name)
    with tempfile.TemporaryDirectory() as folder:
        convert(tiny, _made(Path(folder) / "tiny"))
        ready, before = _cpu_s(), _peak_mb()
        began = time.perf_counter()
        convert(archive, _made(Path(folder) / "out"))
        wall_s = time.perf_counter() - began
        return {
            "start-up, cpu s": ready,
            "start-up, peak MB": before,
            "cpu s": _cpu_s() - ready,
            "wall s": wall_s,
            "peak MB": _peak_mb(),
        }


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _scaling_here(archives: list[Path], workers: int) -> dict[str, float]:
    """Convert many studies with worker processes and note when each was finished."""
    from preprocess.conversion.dicom_run import convert
    from preprocess.conversion.job import Job
    from preprocess.privacy.keys import SiteKey

    times: list[float] = []

    def note(what: str, done: int, total: int) -> None:
        if what == "convert":
            times.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        convert(archives, Job(Path(folder) / "store", SiteKey(b"benchmark-key-16")), workers=workers, progress=note)
        wall_s = time.perf_counter() - began
    steady = times[-1] - times[workers - 1]  # from when every worker has finished one: nobody is starting any more
    return {"wall s": wall_s, "steady studies/s": (len(times) - workers) / steady}


def _in_fresh_process(*arguments: object) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.convert_study", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"a measurement failed:\n{done.stderr}")
    numbers: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return numbers


def _command_line(archives: Path, workers: int) -> float:
    """Wall time in seconds of the whole command."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "preprocess", "convert", "--input", str(archives)]
        began = time.perf_counter()
        subprocess.run(
            [*command, "--out", f"{folder}/store", "--workers", str(workers)], check=True, capture_output=True
        )
        return time.perf_counter() - began


def compare(folder: Path, size: StudySize, repeats: int) -> dict[str, float]:
    """Baseline and ours in turns on one study."""
    archive, tiny = make_study(folder / "study.tgz", size), make_study(folder / "tiny.tgz", _TINY)
    runs: dict[str, list[dict[str, float]]] = {"baseline": [], "ours": []}
    for _ in range(repeats):
        for name, measured in runs.items():
            measured.append(_in_fresh_process("--measure", name, "--archive", archive, "--tiny", tiny))
    numbers = {
        f"{name}: {what}": median(one[what] for one in measured)
        for name, measured in runs.items()
        for what in measured[0]
    }
    numbers |= {f"{name}: cpu s, least": min(one["cpu s"] for one in measured) for name, measured in runs.items()}
    for what in ("cpu s", "wall s", "peak MB"):
        ratios = [theirs[what] / ours[what] for theirs, ours in zip(runs["baseline"], runs["ours"], strict=True)]
        numbers[f"ratio: {what}"] = median(ratios)
    return numbers


def scale(folder: Path, size: StudySize, n_studies: int, repeats: int) -> dict[str, float]:
    """One worker process against two, in turns."""
    archives = folder / "archives"
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(_make, archives, size, number) for number in range(n_studies)]
        for future in futures:
            future.result()
    runs: dict[int, list[dict[str, float]]] = {1: [], 2: []}
    for _ in range(repeats):
        for workers, measured in runs.items():
            one = _in_fresh_process("--scaling", workers, "--archive", archives)
            measured.append(one | {"command, wall s": _command_line(archives, workers)})
    numbers = {
        f"{workers} worker{'s' * (workers > 1)}: {what}": median(one[what] for one in measured)
        for workers, measured in runs.items()
        for what in measured[0]
    }
    for what in ("wall s", "steady studies/s", "command, wall s"):
        ratios = [one[what] / two[what] for one, two in zip(runs[1], runs[2], strict=True)]
        ratio = median(ratios)
        numbers[f"two over one: {what}"] = 1 / ratio if what == "steady studies/s" else ratio
    return numbers


def _make(folder: Path, size: StudySize, number: int) -> Path:
    return make_study(
        folder / f"s{number}.tgz", size, seed=number + 2, patient=f"BENCH{number + 2}", accession=f"ACC{number + 2}"
    )


def report(numbers: dict[str, float], targets: Targets) -> bool:
    """Print the numbers and which targets hold; True if all do."""
    for name, value in numbers.items():
        print(f"{name:34} {value:10.2f}")
    checks = [
        ("one study: cpu s", numbers["ours: cpu s"], targets.cpu_s, False),
        ("one study: peak MB", numbers["ours: peak MB"], targets.peak_mb, False),
    ]
    if "two over one: wall s" in numbers:
        checks.append(
            ("two workers over one (wall, start-up included)", numbers["two over one: wall s"], targets.scaling, True)
        )
        steady = numbers["two over one: steady studies/s"]
        checks.append(("two workers over one (start-up excluded)", steady, targets.scaling, True))
    holds = [value >= target if is_least else value <= target for _, value, target, is_least in checks]
    for (name, value, target, is_least), is_held in zip(checks, holds, strict=True):
        sign, verdict = (">=" if is_least else "<="), ("holds" if is_held else "MISSED")
        print(f"target: {name} {sign} {target:g}: {value:.2f} {verdict}")
    return all(holds)


def _machine() -> dict[str, Any]:
    import torch

    from benchmarks.timing import machine

    load = f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores" if hasattr(os, "getloadavg") else "unknown"
    return {**machine(torch.device("cpu")), "load": load}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("--repeats", type=int, default=3, help="measurements of each (default 3)")
    add("--studies", type=int, default=24, help="for the scaling; 0 leaves it out (default 24)")
    add("--quick", action="store_true", help="tiny studies, to see that it runs; no measure of speed")
    add("--require", action="store_true", help="end with an error if a target is missed")
    add("--out", type=Path, help="also write the numbers here")
    add("--measure", choices=("baseline", "ours"), help=argparse.SUPPRESS)
    add("--scaling", type=int, help=argparse.SUPPRESS)
    add("--archive", type=Path, help=argparse.SUPPRESS)
    add("--tiny", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        print(json.dumps(measure_here(args.measure, args.archive, args.tiny)))
        return
    if args.scaling:
        print(json.dumps(_scaling_here(sorted(args.archive.iterdir()), args.scaling)))
        return
    size = _QUICK if args.quick else StudySize()
    where = _machine()
    print(", ".join(f"{name} {value}" for name, value in where.items()))
    with tempfile.TemporaryDirectory() as folder:
        numbers = compare(Path(folder), size, args.repeats)
        if args.studies:
            numbers |= scale(Path(folder), size, args.studies, args.repeats)
    held = report(numbers, Targets())
    if args.out is not None:
        args.out.write_text(json.dumps({**where, **asdict(size), **numbers}, indent=2) + "\n")
    if args.require and not held:
        sys.exit("a target is missed")


if __name__ == "__main__":
    main()
