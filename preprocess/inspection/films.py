"""Films of a cine at the heart's own speed: MP4 through ffmpeg, GIF through Pillow."""

from __future__ import annotations

import math
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
from PIL import Image

from preprocess.errors import PreprocessError
from preprocess.inspection.timing import cycle_ms
from preprocess.store.study import CineStack
from preprocess.system.files import replacing

__all__ = ["ASSUMED_CYCLE_MS", "Film", "beat_ms", "write_gif", "write_mp4"]

ASSUMED_CYCLE_MS = 1000.0
_PLAUSIBLE_CYCLE_MS = (300.0, 2500.0)
_WATCHED_MS = 5000.0  # an MP4 does not loop by itself: it holds as many beats as this takes
_MIN_GIF_DELAY_MS = 20  # browsers slow down anything faster


@dataclass(frozen=True)
class Film:
    """One heart beat to be shown over and over.

    Attributes:
        frames: uint8 `[row, col]`, all of one even size.
        beat_ms: how long the beat takes.
    """

    frames: Sequence[npt.NDArray[np.uint8]]
    beat_ms: float

    @property
    def n_beats(self) -> int:
        """Beats of an MP4."""
        return max(1, math.ceil(_WATCHED_MS / self.beat_ms))


def beat_ms(stack: CineStack) -> float:
    """The median cycle of a stack's slices; NaN where trigger times are unknown or no heart beats like that."""
    cycles = [cycle_ms(stack.trigger_time[index, :n_frames]) for index, n_frames in enumerate(stack.n_frames)]
    known = [cycle for cycle in cycles if _PLAUSIBLE_CYCLE_MS[0] <= cycle <= _PLAUSIBLE_CYCLE_MS[1]]
    return float(np.median(known)) if known else math.nan


def write_mp4(path: Path, film: Film) -> None:
    """Write a film as H.264 that every browser and slide program plays.

    Raises:
        PreprocessError: there is no ffmpeg, it failed, or the file cannot be written.
    """
    program = _ffmpeg()
    height, width = film.frames[0].shape
    rate = 1000 * len(film.frames) / film.beat_ms
    source = ["-f", "rawvideo", "-pix_fmt", "gray", "-s", f"{width}x{height}", "-r", f"{rate:.6f}", "-i", "-"]
    coding = ["-an", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", "18", "-preset", "veryfast"]
    # No metadata: nothing of the machine or the day.
    container = ["-map_metadata", "-1", "-fflags", "+bitexact", "-movflags", "+faststart", "-f", "mp4"]
    try:
        with replacing(path) as temporary, tempfile.TemporaryFile() as complaints:
            command = [
                program,
                "-nostdin",
                "-v",
                "error",
                "-y",
                *source,
                *coding,
                *container,
                str(temporary.absolute()),
            ]
            with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=complaints) as process:
                _feed(process, film)
            if process.returncode:
                complaints.seek(0)
                last = complaints.read().decode("utf-8", "replace").strip().splitlines()[-1:]
                raise PreprocessError(f"ffmpeg failed ({''.join(last)[:200]})", "choose --format gif")
    except OSError as error:
        raise PreprocessError(f"cannot write {path}: {error.strerror}", "choose another --out") from None


def _ffmpeg() -> str:
    try:
        return str(import_module("imageio_ffmpeg").get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        raise PreprocessError(
            "no ffmpeg for the films", "pip install imageio-ffmpeg, set IMAGEIO_FFMPEG_EXE, or choose --format gif"
        ) from None


def _feed(process: subprocess.Popen[bytes], film: Film) -> None:
    pipe: IO[bytes] | None = process.stdin
    if pipe is None:
        return
    try:
        for _ in range(film.n_beats):
            for frame in film.frames:
                pipe.write(np.ascontiguousarray(frame).data)
        pipe.close()
    except BrokenPipeError:
        return  # ffmpeg gave up; its exit code and its words say why


def write_gif(path: Path, film: Film) -> None:
    """Write a film as a GIF that loops for ever.

    A GIF counts in hundredths of a second: delays are rounded so that the beat as a whole keeps its length. Frames
    that follow each other in less than 20 ms are thinned, because browsers would slow them down.

    Raises:
        PreprocessError: the file cannot be written.
    """
    n_frames = len(film.frames)
    step = max(1, math.ceil(_MIN_GIF_DELAY_MS / (film.beat_ms / n_frames)))
    kept = range(0, n_frames, step)
    first, *others = [Image.fromarray(film.frames[index]) for index in kept]
    times = [10 * round(index * film.beat_ms / n_frames / 10) for index in [*kept, n_frames]]
    delays = [max(_MIN_GIF_DELAY_MS, end - begin) for begin, end in pairwise(times)]
    try:
        with replacing(path) as temporary:
            first.save(temporary, "GIF", save_all=True, append_images=others, duration=delays, loop=0, optimize=False)
    except OSError as error:
        raise PreprocessError(f"cannot write {path}: {error.strerror}", "choose another --out") from None
