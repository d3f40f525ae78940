"""What a film holds, as ffmpeg reads it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np


def probe(path: Path) -> tuple[int, dict[str, object]]:
    """How many frames, and what the file says of itself."""
    count, _ = imageio_ffmpeg.count_frames_and_secs(str(path))
    reader = imageio_ffmpeg.read_frames(str(path))
    meta = next(reader)
    reader.close()
    return count, meta


def decoded(path: Path, size: tuple[int, int]) -> np.ndarray:
    """All frames in grey, `[frame, row, col]`, of a film of `(width, height)`."""
    options = ("-v", "error", "-i", str(path), "-f", "rawvideo", "-pix_fmt", "gray", "-")
    command = [imageio_ffmpeg.get_ffmpeg_exe(), *options]
    data = subprocess.run(command, capture_output=True, check=True).stdout
    return np.frombuffer(data, np.uint8).reshape(-1, size[1], size[0])
