"""SHA-256 of cines, so that a scan is recognised wherever it lies."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from preprocess.store.study import CineStack
from preprocess.store.views import View

__all__ = ["cine_sha256", "slice_sha256", "study_sha256"]


def slice_sha256(stack: CineStack, index: int) -> str:
    """SHA-256 of one slice's cine (its shape, type and values without padding)."""
    return cine_sha256(stack.pixels[index, : stack.n_frames[index]])


def cine_sha256(cine: npt.NDArray[Any]) -> str:
    """SHA-256 of a cine `[frame, row, col]` without padding."""
    cine = np.ascontiguousarray(cine)
    digest = hashlib.sha256(f"{cine.dtype.str}{cine.shape}".encode())
    digest.update(cine.data)
    return digest.hexdigest()


def study_sha256(slices: Mapping[View, list[str]]) -> str:
    """The file-level hash, from the hashes of each view's slices."""
    text = "\n".join(f"{view.value}:{','.join(slices[view])}" for view in sorted(slices))
    return hashlib.sha256(text.encode()).hexdigest()
