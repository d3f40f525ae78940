"""Interleaved timing: every candidate once per round, so that a busy machine slows all of them alike."""

from __future__ import annotations

import platform
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import NamedTuple

import torch

__all__ = ["Timing", "interleaved", "machine", "synchronise"]


class Timing(NamedTuple):
    """Seconds of one candidate.

    Attributes:
        median_s: wall clock.
        best_s: wall clock.
        cpu_s: median time of all threads on processors; steadier than the wall clock on a shared machine.
        ratio: median over the rounds of (first candidate's wall clock / this one's), each taken within one round.
    """

    median_s: float
    best_s: float
    cpu_s: float
    ratio: float


def synchronise(device: torch.device) -> None:
    """Wait for the device, if it works asynchronously."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def interleaved(
    candidates: Mapping[str, Callable[[], object]], repeats: int, device: torch.device, warm_up: int = 1
) -> dict[str, Timing]:
    """Time candidates in rounds, after `warm_up` untimed rounds."""
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in candidates}
    for number in range(warm_up + repeats):
        for name, run in candidates.items():
            wall, cpu = time.perf_counter(), time.process_time()
            run()
            synchronise(device)
            if number >= warm_up:
                seconds[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    first = next(iter(seconds.values()))
    return {
        name: Timing(
            median(w for w, _ in times),
            min(w for w, _ in times),
            median(c for _, c in times),
            median(base / w for (base, _), (w, _) in zip(first, times, strict=True)),
        )
        for name, times in seconds.items()
    }


def machine(device: torch.device) -> dict[str, str | int]:
    """What a number belongs to: processor, device, threads, torch and commit."""
    return {
        "processor": _processor(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "commit": _commit(),
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()
